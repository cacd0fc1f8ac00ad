# smtpfwd/receive/files.mk - what is built from this folder
