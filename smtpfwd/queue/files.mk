# smtpfwd/queue/files.mk - what is built from this folder
