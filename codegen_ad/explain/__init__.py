"""Looking inside: what each stage made of a function, as texts, and how they print.

This room only shows. It never changes what is built, and importing it imports no stage.
"""

from __future__ import annotations

from codegen_ad.explain.source import SourceText, source_text
from codegen_ad.explain.stages import Explanation, explain, show

__all__ = ["Explanation", "SourceText", "explain", "show", "source_text"]
