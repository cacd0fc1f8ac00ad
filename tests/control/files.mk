# tests/control/files.mk
