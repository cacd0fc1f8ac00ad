# smtpfwd/control/files.mk - what is built from this folder
