# milter/files.mk - what speaks with Postfix; so far the parts: syntax of its socketmap and policy delegation protocols, and what a milter needs
noinst_LIBRARIES += milter/libpostfix.a
milter_libpostfix_a_SOURCES = \
	%D%/delegation.c %D%/delegation.h %D%/netstring.c %D%/netstring.h %D%/socketmap.c %D%/socketmap.h

noinst_LIBRARIES += milter/libmilter_parts.a
milter_libmilter_parts_a_SOURCES = \
	%D%/client.c %D%/client.h %D%/fields.c %D%/fields.h %D%/resolver.c %D%/resolver.h

noinst_LIBRARIES += milter/libservers.a
milter_libservers_a_SOURCES = \
	%D%/inquiries.c %D%/inquiries.h %D%/rules_source.h %D%/socketmap_server.c %D%/socketmap_server.h
