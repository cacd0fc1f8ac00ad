# smtpfwd/runtime/files.mk - what is built from this folder
