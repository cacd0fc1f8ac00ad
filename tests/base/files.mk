# tests/base/files.mk
