# tests/runtime/files.mk
