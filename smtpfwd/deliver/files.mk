# smtpfwd/deliver/files.mk - due deliveries to their next hops: routes, the SMTP client, outcomes
noinst_LIBRARIES += smtpfwd/deliver/libdeliver.a
smtpfwd_deliver_libdeliver_a_SOURCES = \
	%D%/carry.c %D%/client.c %D%/client.h %D%/courier.c %D%/courier.h %D%/couriers.h %D%/dial.c %D%/dial.h %D%/handover.c %D%/handover.h \
	%D%/host.c %D%/host.h %D%/login.c %D%/login.h %D%/next_hop.c %D%/next_hop.h %D%/outcome.c %D%/outcome.h \
	%D%/plan.c %D%/plan.h %D%/pool.c %D%/pool.h %D%/probe.c %D%/route.c %D%/route.h %D%/held.c %D%/tls_policy.c %D%/tls_policy.h
