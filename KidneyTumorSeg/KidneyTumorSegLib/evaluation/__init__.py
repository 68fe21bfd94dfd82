"""Two label maps in, scores out, by the rules of the KiTS challenge. Used by training and the command line."""

from .case import ALL_KNOWN, TARGETS, CaseScore, TargetScore, score_case
from .comparison import Comparison, compare
from .detection import detection_figures, score_detection
from .figure import Figure
from .folders import FolderScores, score_folders
from .lesions import Lesion
from .markdown import summary_csv, summary_markdown
from .overlap import Overlap, Scores, dice, score
from .summary import summarize
from .tables import pool, read_cases, write_tables

__all__ = [
    "ALL_KNOWN",
    "TARGETS",
    "CaseScore",
    "Comparison",
    "Figure",
    "FolderScores",
    "Lesion",
    "Overlap",
    "Scores",
    "TargetScore",
    "compare",
    "detection_figures",
    "dice",
    "pool",
    "read_cases",
    "score",
    "score_case",
    "score_detection",
    "score_folders",
    "summarize",
    "summary_csv",
    "summary_markdown",
    "write_tables",
]
