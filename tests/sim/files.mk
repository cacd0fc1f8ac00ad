# tests/sim/files.mk
