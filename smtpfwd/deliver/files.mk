# smtpfwd/deliver/files.mk - what is built from this folder
