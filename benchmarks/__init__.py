"""Figures that `make bench` prints. Ratios come first: they hold on any machine."""
