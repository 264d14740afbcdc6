"""The line above which people write their answer; what stands below it is ours."""

MARKER = "=== Reply above this line ==="
