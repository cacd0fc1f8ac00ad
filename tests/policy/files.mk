# tests/policy/files.mk
