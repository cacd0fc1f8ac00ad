# milter/files.mk - what speaks with Postfix; so far the syntax of its socketmap and policy delegation protocols
noinst_LIBRARIES += milter/libpostfix.a
milter_libpostfix_a_SOURCES = \
	%D%/delegation.c %D%/delegation.h %D%/netstring.c %D%/netstring.h %D%/socketmap.c %D%/socketmap.h
