"""What the stack costs: each question is one file, `python -m benchmarks` asks all of them.

Only ratios between contenders of one run say something about the code; microseconds say how fast the machine is.
Nothing here is a test: a goal that is missed is printed, and nothing fails.
"""

from __future__ import annotations
