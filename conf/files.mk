# conf/files.mk - what is installed beside the programs, and the two commands' pieces
EXTRA_DIST += %D%/packages
