# conf/files.mk - what is installed beside the programs, and the first command's pieces
EXTRA_DIST += %D%/packages %D%/quickstart %D%/new-server
EXTRA_DIST += %D%/smtpfwd.conf
dist_man_MANS += %D%/smtpfwd.conf.5 smtpfwd/smtpfwd.8 smtpfwd/smtpfwdctl.8

# The example is installed beside, never over, a configuration.
exampledir = $(docdir)
dist_example_DATA = %D%/smtpfwd.conf README
