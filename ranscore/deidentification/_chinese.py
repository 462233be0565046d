# ruff: noqa: E501 -- a rule is read best on one line
"""Rules for Chinese: names by label, title and sex, days in characters, ages, numbers by label, hospitals, addresses."""

from __future__ import annotations

import re

from ranscore.deidentification._rules import Rule

_HAN = r"[\u3400-\u9fff]"
_SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜"
    "范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文庞樊兰殷施陶洪翟安颜倪严牛温芦季俞章鲁葛伍"
    "韦申尤毕聂丛焦向柳邢路岳齐梅莫庄辛管祝左涂谷祁时舒耿牟卜詹关苗凌费纪靳盛童欧甄项曲成游阳裴席卫查屈鲍位覃霍翁隋植甘景薄单"
    "包司柏宁柯阮桂闵解强柴华车冉房边净宫褚滕池闫佟"
)
_DOUBLE = r"欧阳|司马|上官|诸葛|东方|皇甫|尉迟|公孙|慕容|令狐|司徒|端木|夏侯|南宫|独孤|长孙"
_SURNAME = rf"(?:{_DOUBLE}|[{_SURNAMES}])"
_END = r"(?![\u3400-\u9fff])"
_TITLE = r"(?:主任医师|副主任医师|主治医师|住院医师|副主任|主任|医师|医生|教授|大夫|护士长|护士|技师|院长|先生|女士|小姐|同志|阿姨|老师)"
_ROLE = (
    r"(?:患者姓名|病人姓名|姓\s*名|报告(?:医师|医生|者|人)|审核(?:医师|医生|者|人)|复核(?:医师|医生)|审签医师|诊断(?:医师|医生)|书写(?:医师|医生)|"
    r"申请(?:医师|医生)|送检(?:医师|医生)|主治医师|主管医师|经治医师|会诊医师|检查(?:技师|医师|者)|摄片(?:技师|者)|操作(?:者|技师)|记录(?:者|人)|"
    r"(?:医师|医生|电子)?签\s*[名字章]|技师|放射科医师|医\s*师|联系人|家属|监护人|患者|病人|报告|审核)"
)
_NO_NAME = frozenset(
    [
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
    r"^(?:.*(?:就诊于|住院于|检查于|手术于|来自于?|转自|送至|转入|转至|转诊至|曾在|曾于|入住|收入|前往|赴|系|在|于|至|到|往|及|与|外地|患者|病人))(?=.{2,})"
)


def _is_name(match: re.Match[str]) -> bool:
    name = match["it"]
    return not any(name.startswith(word) or word.startswith(name) for word in _NO_NAME)


def _is_hospital(match: re.Match[str]) -> bool:
    generic = (
        r"(?:我|外|本|该|某|贵|上级|下级|当地|外地|基层|其他|其它|原|同一|综合|专科|社区|多家|各|大|地方|三甲|多)*"
    )
    kind = r"(?:医院|卫生院|卫生服务中心|卫生所|诊所|疗养院|保健院|急救中心|医疗中心|体检中心)"
    return not re.fullmatch(generic + kind, match["it"])


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
            r"(?:于|日期|时间|与|较|对比|比较)[:：]?\s*(?P<it>\d{1,2}[-/.]\d{1,2})(?=\s*(?:日|号|片|检查|前片|胸片|CT|旧片|，|,|。|$))"
        ),
        sure=False,
    ),
    Rule(
        "time",
        "time",
        re.compile(
            r"(?P<it>(?<!\d)(?:[01]?\d|2[0-3])\s?[时点](?!钟?(?:方|位|方向))(?:\s?[0-5]?\d\s?分(?:\s?[0-5]?\d\s?秒)?|[0-5]\d|半|整)?)(?!间)"
        ),
        fits=lambda m: m.string[m.end("it") : m.end("it") + 1] not in "段期候" or m.end("it") == len(m.string),
    ),
    Rule(
        "name after a label",
        "name",
        re.compile(
            rf"{_ROLE}\s*[:：]\s*(?P<it>{_SURNAME}(?:{_HAN}{{1,2}}|某某?|\*{{1,2}}|[Xx]{{1,2}}))(?=[\s,，;；。、.()（）/|男女]|{_TITLE}|{_ROLE}|$)"
        ),
        fits=_is_name,
    ),
    Rule(
        "other name after a label",
        "name",
        re.compile(
            rf"(?:姓\s*名|报告(?:医师|医生)|审核(?:医师|医生)|签\s*名)\s*[:：]\s*(?P<it>{_HAN}{{2,4}}(?:[·•・]{_HAN}{{2,6}})*|[A-Z][a-z]+(?: [A-Z][a-z]+)*)(?=[\s,，;；。、(（/|]|$)"
        ),
    ),
    Rule("name with a point", "name", re.compile(rf"(?P<it>{_HAN}{{2,6}}[·•・]{_HAN}{{2,6}}(?:[·•・]{_HAN}{{2,6}})?)")),
    Rule(
        "name before a sex",
        "name",
        re.compile(
            rf"(?:患者|病人|患儿|^|[。；\s])(?P<it>{_SURNAME}(?:{_HAN}{{1,2}}|某某?))(?=[,，、\s(（]\s*[男女](?:性)?[,，、\s)）。]|[,，、\s(（]\s*[男女]$)"
        ),
        fits=_is_name,
    ),
    Rule(
        "name before a title",
        "name",
        re.compile(rf"(?P<it>(?<![经主申高])(?:{_DOUBLE}|[{_SURNAMES}])(?:{_HAN}{{1,2}}?)?)(?={_TITLE})"),
        fits=_is_name,
    ),
    Rule(
        "name of who was told",
        "name",
        re.compile(
            rf"(?:告知|通知|联系|电告|致电|嘱)(?:临床|家属|病房|值班)?(?P<it>{_SURNAME}{_HAN}{{1,2}})(?=[，,。；;（(]|$)"
        ),
        sure=False,
        fits=_is_name,
    ),
    Rule("age over 89", "age", re.compile(r"(?P<it>(?<!\d)(?:9\d|1[0-2]\d))(?=\s?[周虚]?岁)")),
    Rule("age over 89 after a label", "age", re.compile(r"年\s*龄\s*[:：]?\s*(?P<it>9\d|1[0-2]\d)(?!\d)")),
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
            rf"(?:{_NUMBER_OF})\s*(?:为|[:：#])?\s*(?P<it>(?=[A-Za-z-]*\d)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)(?![A-Za-z0-9])"
        ),
    ),
    Rule("bed", "record number", re.compile(r"(?P<it>(?<!\d)\+?\d{1,3}(?=床(?!旁|上|边|突|面|位片)))")),
    Rule(
        "hospital",
        "hospital",
        re.compile(
            rf"(?P<it>{_HAN}{{1,18}}?(?:医院|卫生院|卫生服务中心|卫生所|诊所|疗养院|保健院|急救中心|医疗中心|体检中心)(?:{_HAN}{{1,3}}院区)?)"
        ),
        fits=_is_hospital,
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
    ),
    Rule(
        "house number",
        "address",
        re.compile(
            rf"(?P<it>{_HAN}{{2,8}}(?:路|街|大道|胡同|巷|弄|小区|花园)\d{{1,5}}(?:号|弄)(?:\d{{1,4}}(?:号楼|栋|幢|座))?(?:\d{{1,3}}单元)?(?:\d{{1,5}}室)?)"
        ),
    ),
)


def trim_hospital(text: str) -> int:
    """How many characters at the start of a hospital's match lead in to the name and are no part of it."""
    led = _LED_IN.match(text)
    return led.end() if led else 0
