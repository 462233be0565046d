"""The report: one HTML file that needs nothing else, and the same figures and tables as files of their own.

It stands above comparisons, labelling and figures, since it gathers from all of them, and below the command line.
"""

from ranscore.reporting._files import check_output, folder_of, write_report
from ranscore.reporting._gather import Wanted, gather
from ranscore.reporting._report import Report, make_report

__all__ = ["Report", "Wanted", "check_output", "folder_of", "gather", "make_report", "write_report"]
