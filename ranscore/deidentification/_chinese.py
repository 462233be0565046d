# ruff: noqa: E501 -- a rule is read best on one line
"""Rules for Chinese: names by label, title and sex, days in characters, ages, numbers by label, hospitals, addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ranscore.deidentification._rules import Rule

_HAN = r"[\u3400-\u9fff]"
_SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜"
    "范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文庞樊兰殷施陶洪翟安颜倪严牛温芦季俞章鲁葛伍"
    "韦申尤毕聂丛焦向柳邢路岳齐梅莫庄辛管祝左涂谷祁时舒耿牟卜詹关苗凌费纪靳盛童欧甄项曲成游阳裴席卫查屈鲍位覃霍翁隋植甘景薄单"
    "包司柏宁柯阮桂闵解强柴华车冉房边净宫褚滕池闫佟皮卓桑艾仇幸佘麻符鞠晏瞿荆桓莘屠蔺蒙闻党劳姬宰雍濮尚燕浦习古衡匡寇巩冷饶沙巢蒯阚仲晁郜谌揭占"
)
_DOUBLE = r"欧阳|司马|上官|诸葛|东方|皇甫|尉迟|公孙|慕容|令狐|司徒|端木|夏侯|南宫|独孤|长孙"
_SURNAME = rf"(?:{_DOUBLE}|[{_SURNAMES}])"
_END = r"(?![\u3400-\u9fff])"
_GIVEN = rf"(?:{_HAN}{{1,2}}?| {_HAN}(?=[^\u3400-\u9fff]|沟通|讨论|汇报|已|诉|代诉|医|大夫|主任|教授|护士|技师|先生|女士|系|于|因|说|解|交|审|复|报|诊|检|申|$))"
_WHOLE = rf"(?:{_SURNAME}{_GIVEN})"
_TITLE = r"(?:主任医师|副主任医师|主治医师|住院医师|副主任|主任|医师|医生|教授|大夫|护士长|护士|技师|院长|先生|女士|小姐|同志|阿姨|老师)"
_DOES = (
    "报告|审核|复核|复审|审签|审阅|诊断|书写|申请|送检|主治|主管|经治|管床|会诊|检查|摄片|投照|操作|记录|录入|打印|执行|登记|接诊|开单|责任|值班|"
    "初诊|终审|一审|二审|住院|主任|副主任|放射科|影像科|临床|首诊|门诊|接收|通知|联系|签发|撰写|编写"
)
_WHO = rf"(?:(?:{_DOES})(?:医师|医生|大夫|技师|护士|人员|者|人|员))"
_ROLE = (
    rf"(?:{_WHO}|(?:患者|病人|患儿|病员|受检者|受检人)?\s?姓\s*名|(?:{_WHO}|医师|医生|电子)?签\s*[名字章]|签\s*名|技师|护士|医\s*师|医\s*生|联系人|"
    rf"家属|监护人|陪护|患者|病人|患儿|病员|受检者|受检人|报告|审核|复核|书写|审签|校对|拍片|投照|摄影|录入|打印|家长|陪人|{_HAN}{{1,4}}(?:医师|医生|护士|技师|者|人|人员|员))"
)
_NEXT = (
    r"(?:就诊|性别|年\s*龄|出生|科室|床号|门诊|住院|病历|病案|检查|报告|审核|复核|申请|送检|日期|时间|书写|诊断|打印|影像|放射|登记|身份证|证件|电话|联系|民族|"
    r"沟通|讨论|汇报|微信|邮箱|手机|传真|诉|代诉|已|于|因|，|系|审阅|签字|签名|手写|主任|副主任|主治)"
)
_NO_NAME = frozenset(
    [
        "高血",
        "值班",
        "上级",
        "申请",
        "高年资",
        "高级",
        "经管",
        "主管",
        "全科",
        "管床",
        "经治",
        "成人",
        "曾用",
        "安全",
        "左侧",
        "右侧",
        "成都",
        "武汉",
        "金属",
        "石膏",
        "方向",
        "向上",
        "向下",
        "时间",
        "常规",
        "高危",
        "高热",
        "白色",
        "文字",
        "包括",
        "解放",
        "强化",
        "强回",
        "华西",
        "项目",
        "关于",
        "关节",
        "房间",
        "时相",
        "成像",
        "易于",
        "单侧",
        "单位",
        "平卧",
        "马上",
        "康复",
        "万方",
        "温州",
        "安徽",
        "江苏",
        "江西",
        "夏季",
        "史料",
    ]
)
_NUMBER_OF = (
    r"(?:住院|门诊|病历|病案|检查|影像|放射|[Xx]线|[Xx]光|CT|DR|登记|申请单?|就诊|病床|床|病人|患者|条码|流水|病理|体检|医保|社保|诊疗卡?|就诊卡|卡|序|片|报告|单据)"
    r"(?:号码?|编号|ID)|(?:病人|患者)?ID号?|编号"
)
_DIGIT = "[〇零○一二三四五六七八九]"
_COUNT = "[一二三四五六七八九十]{1,3}"
_PROVINCE = (
    "北京|天津|上海|重庆|河北|山西|辽宁|吉林|黑龙江|江苏|浙江|安徽|福建|江西|山东|河南|湖北|湖南|广东|海南|四川|贵州|云南|陕西|甘肃|青海|"
    "内蒙古|广西|西藏|宁夏|新疆|台湾|香港|澳门"
)
_PLACE = rf"(?:(?:{_PROVINCE})(?:省|市|自治区|壮族自治区|回族自治区|维吾尔自治区|特别行政区)?)"
_LED_IN = re.compile(
    r"^(?:.*(?:就诊于|住院于|检查于|手术于|就诊|来自于?|转自|送至|转入|转至|转往|转诊至|转院至|曾在|曾于|入住|收入|前往|赴|系|在|于|至|到|往|及|与|外地|患者|病人|"
    r"由|已转|转|建议|请|经|去|自|从|回))(?=.{2,})"
)
_HOME = re.compile(
    r"^.*(?:现住址|现住|家住|住址|地址|住于|居住于|居住|位于|来自|籍贯|户籍地?|患者|病人|病员|住)(?=.{2,})"
)
_UNLIKE = frozenset("于曾成左右方安常时易向高单强包任温平白金石皮余和明元段申严关项文康辛边华")


def _is_name(match: re.Match[str]) -> bool:
    name = match["it"]
    if len(name) == 1:
        before = match.string[max(0, match.start("it") - 1) : match.start("it")]
        return name not in "向于时单和关项成房" or before in ("与", "知", "给")
    return name[1:] not in _NO_NAME and not any(name.startswith(w) or w.startswith(name) for w in _NO_NAME)


def _is_name_after_label(match: re.Match[str]) -> bool:
    """`报告：` also leads to the text of a report."""
    return _is_name(match) and (
        not re.match(r"报告\s*[:：]", match[0]) or match["it"][0] not in _UNLIKE or _signs_on(match)
    )


def _is_name_after_diagnosis(match: re.Match[str]) -> bool:
    return _is_name(match) and (match["it"][0] not in _UNLIKE or _signs_on(match))


def _signs_on(match: re.Match[str]) -> bool:
    """Whether another signature follows a name."""
    return bool(re.match(r"\s*(?:审核|复核|校对|审签|审阅)", match.string[match.end("it") : match.end("it") + 12]))


def _is_patient(match: re.Match[str]) -> bool:
    """A name after `患者`: a surname that is also a common word needs a sex, an age or a number behind it."""
    behind = match.string[match.end("it") : match.end("it") + 12]
    told = re.match(r"\s*[,，、(（]?\s*(?:男|女|\d{1,3}岁|住院号|病案号|门诊号|已转|代诉)|系", behind)
    return _is_name(match) and (bool(told) or match["it"][0] not in _UNLIKE)


def _house(match: re.Match[str]) -> Iterator[tuple[int, int]]:
    """A house's name without what leads to it; nothing for `上级医院` and the like."""
    start, end = match.span("it")
    led = _LED_IN.match(match["it"])
    start += led.end() if led else 0
    if not _is_generic(match.string[start:end]):
        yield start, end


def _home(match: re.Match[str]) -> Iterator[tuple[int, int]]:
    start, end = match.span("it")
    led = _HOME.match(match["it"])
    yield start + (led.end() if led else 0), end


def _is_generic(name: str) -> bool:
    generic = (
        r"(?:我|外|本|该|某|贵|上级|下级|兄弟|当地|外地|基层|其他|其它|原|同一|综合|专科|社区|多家|各|大|地方|三甲|多)*"
    )
    kind = r"(?:医院|卫生院|卫生服务中心|卫生所|诊所|疗养院|保健院|急救中心|医疗中心|体检中心)"
    return bool(re.fullmatch(generic + kind, name))


RULES = (
    Rule(
        "day in figures",
        "date",
        re.compile(
            r"(?P<it>(?<!\d)(?:(?:19|20)?\d{2}\s?年\s?)?\d{1,2}\s?月\s?\d{1,2}\s?[日号]|(?<!\d)(?:19|20)\d{2}\s?年\s?\d{1,2}\s?月(?!\d|余))"
        ),
    ),
    Rule(
        "day in characters",
        "date",
        re.compile(rf"(?P<it>{_DIGIT}{{4}}年{_COUNT}月(?:{_COUNT}[日号])?|{_COUNT}月{_COUNT}[日号])"),
    ),
    Rule(
        "month and day with points",
        "date",
        re.compile(
            r"(?:于|日期|时间|与|较|对比|比较|同|自|从)[:：]?\s*(?P<it>\d{1,2}[-/.]\d{1,2})(?=\s*(?:日|号|片|检查|前片|胸片|CT|旧片|起|，|,|。|$))"
        ),
        sure=False,
        fits=lambda m: all(0 < int(n) <= top for n, top in zip(re.findall(r"\d+", m["it"]), (12, 31), strict=True)),
    ),
    Rule(
        "month and day in four digits",
        "date",
        re.compile(
            rf"(?<![\dA-Za-z+/-])(?<!\d\.)(?P<it>(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01]))(?=\s?(?:{_HAN}|CT|DR|CR|MR|X))(?!\s?(?:周|天|月|年|岁|个|次|级|分|肋|型|小时|毫米|厘米|度|节|段))"
        ),
    ),
    Rule(
        "year and month",
        "date",
        re.compile(
            r"(?<![\d.A-Za-z/-])(?P<it>(?:19|20)\d{2}[-./](?:0?[1-9]|1[0-2]))(?=\s?(?:片|前片|旧片|胸片|CT|DR|MR|平片|X线|检查|日|对|于|在|行|起|因|，|。|$)|(?<=[:：]\d{4}[-./]\d\d))"
        ),
    ),
    Rule(
        "time",
        "time",
        re.compile(
            r"(?P<it>(?:(?:[上下中]午|凌晨|早上|早晨|晚上?|夜间)\s?)?(?<!\d)(?:[01]?\d|2[0-3])\s?[时点](?!钟?(?:方|位|方向))(?:\s?[0-5]?\d\s?分(?:\s?[0-5]?\d\s?秒)?|[0-5]\d|半|整)?)(?!间)"
        ),
        fits=lambda m: m.string[m.end("it") : m.end("it") + 1] not in "段期候" or m.end("it") == len(m.string),
    ),
    Rule(
        "name after a label",
        "name",
        re.compile(
            rf"(?:{_ROLE}\s*[:：】]|{_WHO}(?=[ 【])|姓名(?= |{_HAN}{{2,4}}性别)|(?:主任|副主任|主治|住院)医师)\s*(?P<it>{_SURNAME}(?:{_GIVEN}|某某?|\*{{1,2}}|[Xx]{{1,2}}))(?=[\s,，;；。、.()（）/|男女【\d]|{_TITLE}|{_ROLE}|{_NEXT}|$)"
        ),
        fits=_is_name_after_label,
    ),
    Rule(
        "name after a label, run on",
        "name",
        re.compile(rf"{_WHO}\s*[:：]\s*(?P<it>{_SURNAME}{_HAN}{{1,2}})"),
        sure=False,
        fits=_is_name,
    ),
    Rule(
        "second name after a label",
        "name",
        re.compile(rf"{_WHO}\s*[:：]\s*{_SURNAME}{_GIVEN}\s?[、,，/]\s?(?P<it>{_WHOLE})(?=[\s,，;；。、.()（）/|]|$)"),
        fits=_is_name,
    ),
    Rule(
        "other name after a label",
        "name",
        re.compile(
            rf"(?:姓\s*名|{_WHO}|签\s*名)\s*[:：]\s*(?P<it>{_HAN}{{2,4}}(?:[·•・]{_HAN}{{2,6}})*|[A-Z][a-z]+(?: [A-Z][a-z]+)*)(?=[\s,，;；。、(（/|]|$)"
        ),
        fits=_is_name,
    ),
    Rule("name with a point", "name", re.compile(rf"(?P<it>{_HAN}{{2,6}}[·•・]{_HAN}{{2,6}}(?:[·•・]{_HAN}{{2,6}})?)")),
    Rule(
        "name before a sex",
        "name",
        re.compile(
            rf"(?:患者|病人|患儿|^|[。；\s])(?P<it>{_SURNAME}(?:{_GIVEN}|某某?))(?=[,，、\s(（]\s*[男女](?:性)?[,，、\s)）。]|[,，、\s(（]\s*[男女]$)"
        ),
        fits=_is_name,
    ),
    Rule(
        "name before a title",
        "name",
        re.compile(rf"(?P<it>(?<![经主申高\d])(?:{_DOUBLE}|[{_SURNAMES}])(?:{_HAN}{{1,2}}?| {_HAN})?)(?=\s?{_TITLE})"),
        fits=_is_name,
    ),
    Rule(
        "name after a title",
        "name",
        re.compile(
            rf"(?:护士|护士长|医生|医师|大夫|家属|陪护|亲属|之子|之女|配偶|联系人|家长|父亲|母亲|丈夫|妻子|儿子|女儿|监护人|陪人|技师)(?P<it>{_WHOLE})(?=[\s，,。.；;（(、]|沟通|讨论|说明|解释|交代|确认|知晓|接听|接收|复述|诉|代诉|代述|陈述|汇报|电话|{_TITLE}|签|审|已|$)"
        ),
        fits=_is_name,
    ),
    Rule(
        "name after patient",
        "name",
        re.compile(
            rf"(?:患者|病人|病员|患儿|受检者|受检人)\s?(?P<it>{_WHOLE})(?=[\s，,（(]|已转|已于|于|系|因|自诉|来院|$)"
        ),
        fits=_is_patient,
    ),
    Rule(
        "names by a stroke",
        "name",
        re.compile(rf"(?<!{_HAN})(?P<it>{_SURNAME} ?{_HAN}{{1,2}})(?=/{_SURNAME} ?{_HAN}{{1,2}}(?!{_HAN}))"),
        fits=_is_name,
    ),
    Rule(
        "second name by a stroke",
        "name",
        re.compile(rf"(?<!{_HAN}){_SURNAME} ?{_HAN}{{1,2}}/(?P<it>{_SURNAME} ?{_HAN}{{1,2}})(?!{_HAN})"),
        fits=_is_name,
    ),
    Rule(
        "name after diagnosis in a signature",
        "name",
        re.compile(
            rf"(?:诊断|记录)\s*[:：]\s*(?P<it>{_WHOLE})(?=\s*(?:审核|复核|校对|审签|报告|日期|时间|(?:19|20)\d\d|\n|$))"
        ),
        fits=_is_name_after_diagnosis,
    ),
    Rule(
        "name before being a patient",
        "name",
        re.compile(rf"(?:^|[\n。；\s])(?P<it>{_WHOLE})(?=系(?:我|本)[科院])"),
        fits=_is_name,
    ),
    Rule(
        "name of who was told",
        "name",
        re.compile(
            rf"(?:告知|通知|联系|电告|致电|嘱|报告给|汇报给|报告)(?:临床|家属|病房|值班|{_HAN}{{1,5}}科)?(?P<it>{_WHOLE})(?=[，,。；;（(]|$)"
        ),
        sure=False,
        fits=_is_name,
    ),
    Rule("age over 89", "age", re.compile(r"(?P<it>(?<!\d)(?:9\d|1[0-2]\d))(?=\s?[周虚]?岁)")),
    Rule("age over 89 after a label", "age", re.compile(r"年\s*龄\s*[:：]?\s*(?P<it>9\d|1[0-2]\d)(?![\d+])")),
    Rule(
        "age over 89 in characters",
        "age",
        re.compile(
            r"(?P<it>九十[一二三四五六七八九]?|一百(?:零[一二三四五六七八九]|一十?[一二三四五六七八九]?)?)(?=[周虚]?[岁])"
        ),
    ),
    Rule(
        "number after a label",
        "record number",
        re.compile(
            rf"(?:{_NUMBER_OF})\s*(?:为|[:：#】])?\s*(?P<it>(?=[A-Za-z-]*\d)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)(?![A-Za-z0-9])"
        ),
    ),
    Rule("bed", "record number", re.compile(r"(?P<it>(?<!\d)\+?\d{1,3}(?=床(?!旁|上|边|突|面|位片)))")),
    Rule(
        "hospital",
        "hospital",
        re.compile(
            rf"(?P<it>{_HAN}{{1,18}}?(?:医院|卫生院|卫生服务中心|卫生所|诊所|疗养院|保健院|急救中心|医疗中心|体检中心)(?:{_HAN}{{1,3}}院区)?)"
        ),
        reach=_house,
    ),
    Rule(
        "address after a label",
        "address",
        re.compile(
            r"(?:住址|地址|家庭地址|现住址?|家住|居住地|籍贯|户籍地?|户口地址|住于|居住于|来自)\s*[:：]?\s*(?P<it>[\u3400-\u9fffA-Za-z0-9#\-—]{2,60})(?=[\s,，。；;)）]|$)"
        ),
        fits=lambda m: "医院" not in m["it"] and "卫生" not in m["it"],
    ),
    Rule(
        "address",
        "address",
        re.compile(
            rf"(?P<it>(?:{_PLACE}{_HAN}{{0,12}}?|{_HAN}{{2,7}}?(?:省|市|自治州)){_HAN}{{0,14}}?(?:区|县|市|旗|镇|乡)?[\u3400-\u9fffA-Za-z0-9]{{1,20}}?(?:路|街道?|大道|胡同|巷|弄|村|镇|乡|小区|社区|花园|公寓)(?:[\u3400-\u9fff]{{0,4}}\d{{1,5}}(?:号|弄|组))?(?:\d{{1,4}}(?:号楼|栋|幢|座|号))?(?:\d{{1,3}}单元)?(?:\d{{1,5}}(?:室|号|户))?)"
        ),
        fits=lambda m: "医院" not in m["it"],
        reach=_home,
    ),
    Rule(
        "house number",
        "address",
        re.compile(
            rf"(?P<it>{_HAN}{{2,8}}(?:路|街|大道|胡同|巷|弄|小区|花园)\d{{1,5}}(?:号|弄)(?:\d{{1,4}}(?:号楼|栋|幢|座))?(?:\d{{1,3}}单元)?(?:\d{{1,5}}室)?)"
        ),
    ),
)
