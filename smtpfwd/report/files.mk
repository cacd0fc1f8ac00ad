# smtpfwd/report/files.mk - reports to senders
noinst_LIBRARIES += smtpfwd/report/libreport.a
smtpfwd_report_libreport_a_SOURCES = %D%/dsn.c %D%/dsn.h %D%/outlet.c %D%/outlet.h %D%/people.c %D%/people.h \
	%D%/reporter.c %D%/reporter.h %D%/returned.c %D%/returned.h %D%/wording.c %D%/wording.h
