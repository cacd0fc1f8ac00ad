# conf/files.mk - what is installed beside the programs, and the first command's pieces
EXTRA_DIST += %D%/packages %D%/quickstart %D%/new-server
