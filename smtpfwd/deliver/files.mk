# smtpfwd/deliver/files.mk - due deliveries to their next hops: routes, the SMTP client, outcomes
noinst_LIBRARIES += smtpfwd/deliver/libdeliver.a
smtpfwd_deliver_libdeliver_a_SOURCES = \
	%D%/adopt.c %D%/again.c %D%/again.h %D%/ahead.c %D%/ahead.h %D%/await.c %D%/await.h %D%/batch.c %D%/batch.h %D%/carry.c %D%/carry_inside.h %D%/carry_pass.c %D%/choices.c %D%/choices.h %D%/client.c %D%/client.h %D%/client_inside.h %D%/client_transaction.c %D%/courier.c %D%/courier.h %D%/couriers.h \
	%D%/dial.c %D%/dial.h %D%/exchange.c %D%/exchange.h %D%/exchange_ahead.c %D%/exchange_identity.c %D%/handover.c %D%/handover_envelope.c %D%/handover_inside.h %D%/handover.h %D%/hearing.h %D%/held.c %D%/host.c %D%/host.h %D%/judge.c %D%/judge.h %D%/limit.c %D%/limit.h \
	%D%/identity.c %D%/identity.h %D%/login.c %D%/login.h %D%/mx.c %D%/mx.h %D%/next_hop.c %D%/next_hop.h %D%/online.c %D%/online.h %D%/online_envelope.c \
	%D%/online_inside.h %D%/online_seek.c %D%/online_talk.c %D%/outcome.c %D%/outcome.h \
	%D%/plan.c %D%/plan.h %D%/pool.c %D%/pool.h %D%/probe.c %D%/room.c %D%/room.h %D%/route.h %D%/site.c %D%/site.h %D%/site_find.c %D%/sender.h \
	%D%/tls_policy.c %D%/tls_policy.h %D%/view.c %D%/view.h
