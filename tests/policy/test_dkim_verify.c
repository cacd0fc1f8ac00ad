/*
 * test_dkim_verify.c - what is found of signed mails, good, changed and odd ones
 *
 * The mails were signed by dkimpy or stand in the RFCs (tests/vectors/dkim); what must be found
 * of them follows from RFC 6376, 8301, 8463 and 8601.
 */
#include "tests/expect.h"
#include "tests/policy/dkim_stage.h"

static const struct {
	const char *name, *file;
	const char *from, *to;			/* an edit after signing, or NULL */
	const char *records[2];			/* instead of the key's, or NULL; see dkim_stage.h */
	const char *want;			/* the verdict of the first signature */
	const char *reason;
} cases[] = {
	/* What is right. */
	{ "RSA, simple/simple", "rsa-simple-simple", .want = "pass" },
	{ "RSA, simple/relaxed", "rsa-simple-relaxed", .want = "pass" },
	{ "RSA, relaxed/simple", "rsa-relaxed-simple", .want = "pass" },
	{ "RSA, relaxed/relaxed", "rsa-relaxed-relaxed", .want = "pass" },
	{ "Ed25519, simple/simple", "ed-simple-simple", .want = "pass" },
	{ "Ed25519, simple/relaxed", "ed-simple-relaxed", .want = "pass" },
	{ "Ed25519, relaxed/simple", "ed-relaxed-simple", .want = "pass" },
	{ "Ed25519, relaxed/relaxed", "ed-relaxed-relaxed", .want = "pass" },
	{ "without c= all is simple", "no-c", .want = "pass" },
	{ "c= of one word leaves the body simple", "half-c", .want = "pass" },
	{ "the example of RFC 6376 A.2", "rfc6376", .want = "pass" },
	{ "the example of RFC 8463 A.3", "rfc8463", .want = "pass" },
	{ "an empty body, simple", "no-body-simple", .want = "pass" },
	{ "an empty body, relaxed", "no-body-relaxed", .want = "pass" },
	{ "a body of empty lines, simple", "empty-lines-simple", .want = "pass" },
	{ "a body of empty lines, relaxed", "empty-lines-relaxed", .want = "pass" },
	{ "a body without a line end, simple", "no-end-simple", .want = "pass" },
	{ "a body without a line end, relaxed", "no-end-relaxed", .want = "pass" },
	{ "a NUL in the body, simple", "nul-simple", .want = "pass" },
	{ "a NUL in the body, relaxed", "nul-relaxed", .want = "pass" },
	{ "a long line", "long-line", .want = "pass" },
	{ "UTF-8 in signed fields", "utf8", .want = "pass" },
	{ "an unknown tag", "unknown-tag", .want = "pass" },
	{ "copied header fields", "z", .want = "pass" },
	{ "an unknown query method beside the known one", "q", .want = "pass" },
	{ "h= names more fields than the mail has", "only-from", .want = "pass" },
	{ "h= names 200 fields", "signs-many", .want = "pass" },
	{ "a From that is no address", "odd-from", .want = "pass" },
	{ "two From fields, both signed", "two-from", .want = "pass" },
	{ "a local part in i=", "i-local", .want = "pass" },
	{ "i= below d=, in another case", "i-below", .want = "pass" },
	{ "another signature is signed", "signs-signature", .want = "pass" },
	/* Changes on the way. */
	{ "simple bears no blank in a field", "ed-simple-simple", "Subject:   Is", "Subject:  Is", .want = "fail", .reason = "signature did not verify" },
	{ "relaxed does", "ed-relaxed-relaxed", "Subject:   Is", "subject:  Is", .want = "pass" },
	{ "relaxed bears another folding", "ed-relaxed-relaxed", "ann@example.net,\r\n\t", "ann@example.net, ", .want = "pass" },
	{ "simple bears no blank in the body", "ed-simple-simple", "lost  the", "lost the", .want = "fail", .reason = "body hash did not verify" },
	{ "relaxed does", "ed-relaxed-relaxed", "lost  the", "lost the", .want = "pass" },
	{ "a field that is not signed may change", "ed-relaxed-relaxed", "Message-ID: <1@", "Message-ID: <2@", .want = "pass" },
	{ "a second From fails where From was signed twice", "ed-relaxed-relaxed", "From: Joe", "From: x@example.com\r\nFrom: Joe", .want = "fail" },
	{ "a second From on top of one that is signed alone", "odd-from", "From:", "From: eve@example.com\r\nFrom:", .want = "policy", .reason = "signs not all From fields" },
	{ "a field more at the top of those signed once", "ed-relaxed-relaxed", "Subject: ", "Subject: x\r\nSubject: ", .want = "pass" },
	{ "a changed body", "rsa-relaxed-relaxed", "We lost", "We won", .want = "fail", .reason = "body hash did not verify" },
	{ "an appended line", "rsa-relaxed-relaxed", "hungry yet?", "hungry yet?\r\nx", .want = "fail" },
	{ "a signature that signs another is broken with it", "signs-signature", "s=rsa1024", "s=rsa1025", .want = "fail" },
	{ "a bare LF in the body", "ed-relaxed-relaxed", "We lost", "We\nlost", .want = "neutral", .reason = "a bare CR or LF in the body" },
	{ "a bare CR, which the library would not see", "ed-relaxed-relaxed", "We lost", "We\r lost", .want = "neutral", .reason = "a bare CR or LF in the body" },
	{ "a bare CR at the end", "no-end-relaxed", "no end", "no end\r", .want = "pass" },
	{ "a bare CR in a field", "ed-relaxed-relaxed", "Subject:   Is", "Subject:  \r Is", .want = "neutral", .reason = "control characters in the header" },
	{ "a form feed, a blank to the library", "ed-relaxed-relaxed", "Subject:   Is", "Subject:  \f Is", .want = "neutral", .reason = "control characters in the header" },
	{ "folded with a bare LF", "ed-relaxed-relaxed", "ann@example.net,\r\n", "ann@example.net,\n", .want = "pass" },
	{ "folded with a bare LF, simple", "ed-simple-simple", "ann@example.net,\r\n", "ann@example.net,\n", .want = "pass" },
	/* l= */
	{ "l= leaves a part out", "l-part", .want = "policy", .reason = "l= leaves 41 bytes of the body unsigned" },
	{ "l=0", "l-zero", .want = "policy" },
	{ "l= of the whole body, relaxed", "l-whole-relaxed", .want = "pass" },
	{ "l= of the whole body, simple", "l-whole-simple", .want = "pass" },
	{ "an appended line behind l=", "l-whole-relaxed", "hungry yet?", "hungry yet?\r\nxx", .want = "fail" },
	{ "l= of more than there is", "l-more", .want = "fail", .reason = "body is shorter than l= says" },
	{ "l= near 2^64, no limit to the library", "l-zero", "l=0;", "l=18446744073709551614;", .want = "neutral", .reason = "l= is no length" },
	{ "l=-1", "l-zero", "l=0;", "l=-1;", .want = "neutral" },
	/* The signature field, RFC 6376 3.5 and 6.1.1. */
	{ "a tag twice", "l-zero", "l=0;", "l=0; l=0;", .want = "neutral", .reason = "a tag stands twice" },
	{ "a tag in capitals, an l= to the library", "ed-relaxed-relaxed", "v=1;", "v=1; L=1;", .want = "neutral", .reason = "a tag's name in capitals" },
	{ "a tag whose name ends in b", "ed-relaxed-relaxed", "v=1;", "v=1; ab=1;", .want = "neutral" },
	{ "a blank between b and =", "ed-relaxed-relaxed", " b=", " b =", .want = "neutral" },
	{ "no tag-list", "ed-relaxed-relaxed", "v=1;", "v;", .want = "neutral", .reason = "no tag-list" },
	{ "two semicolons", "ed-relaxed-relaxed", "v=1;", "v=1;;", .want = "neutral", .reason = "no tag-list" },
	{ "two semicolons at the end", "ed-relaxed-relaxed", "YmBBQ==", "YmBBQ==;;", .want = "neutral", .reason = "no tag-list" },
	{ "a byte beyond ASCII", "ed-relaxed-relaxed", "v=1;", "v=1; y=\303\244;", .want = "neutral", .reason = "no tag-list" },
	{ "another version", "ed-relaxed-relaxed", "v=1;", "v=2;", .want = "neutral", .reason = "unknown version" },
	{ "no version", "ed-relaxed-relaxed", "v=1;", "y=1;", .want = "permerror", .reason = "a required tag is missing" },
	{ "no domain", "ed-relaxed-relaxed", "d=example.com;", "", .want = "permerror", .reason = "a required tag is missing" },
	{ "an empty domain", "ed-relaxed-relaxed", "d=example.com;", "d=;", .want = "neutral", .reason = "d= or s= is no name" },
	{ "a domain that is none", "ed-relaxed-relaxed", "d=example.com;", "d=a..b;", .want = "neutral", .reason = "d= or s= is no name" },
	{ "no selector", "ed-relaxed-relaxed", "s=ed;", "", .want = "permerror", .reason = "a required tag is missing" },
	{ "a selector that is none", "ed-relaxed-relaxed", "s=ed;", "s=e/d;", .want = "neutral", .reason = "d= or s= is no name" },
	{ "an unknown algorithm", "ed-relaxed-relaxed", "a=ed25519-sha256", "a=rsa-sha512", .want = "neutral", .reason = "unknown algorithm" },
	{ "an unknown canonicalization", "ed-relaxed-relaxed", "c=relaxed/relaxed", "c=relaxed/nofws", .want = "neutral", .reason = "unknown canonicalization" },
	{ "an unknown query method", "q", "q=other/x:dns/txt", "q=other/x", .want = "neutral", .reason = "unknown query method" },
	{ "From not signed", "ed-relaxed-relaxed", "h=from", "h=date", .want = "fail" },	/* it is named again at the end */
	{ "From not signed", "odd-from", "h=from", "h=to", .want = "permerror", .reason = "From is not signed" },
	{ "no h=", "odd-from", "h=from", "y=from", .want = "permerror", .reason = "a required tag is missing" },
	{ "an empty h=", "odd-from", "h=from", "h=", .want = "neutral", .reason = "h= is no list of fields" },
	{ "an empty name in h=", "odd-from", "h=from", "h=from::to", .want = "neutral", .reason = "h= is no list of fields" },
	{ "a colon at the end of h=", "odd-from", "h=from", "h=from:", .want = "neutral", .reason = "h= is no list of fields" },
	{ "b= of other bytes", "bare", " b=", " b=AAAA", .want = "fail" },
	{ "an empty b=", "odd-from", " b=", " b=; y=", .want = "neutral", .reason = "b= is no base64" },
	{ "b= that is no base64", "odd-from", " b=", " b=!", .want = "neutral", .reason = "b= is no base64" },
	{ "b= of wrong length", "odd-from", " b=", " b=AAAA; y=", .want = "fail" },
	{ "bh= that is no base64", "odd-from", "bh=", "bh=!", .want = "neutral", .reason = "bh= is no SHA-256 hash" },
	{ "bh= of another length", "odd-from", "bh=", "bh=AAAA", .want = "neutral", .reason = "bh= is no SHA-256 hash" },
	{ "no bh=", "odd-from", "bh=", "y=", .want = "permerror", .reason = "a required tag is missing" },
	{ "i= of another domain", "i-below", "i=@a.B.Example.com", "i=@example.net", .want = "permerror", .reason = "i= is not of the domain of d=" },
	{ "i= that only ends alike", "i-below", "i=@a.B.Example.com", "i=@aexample.com", .want = "permerror", .reason = "i= is not of the domain of d=" },
	{ "i= above d=", "i-below", "i=@a.B.Example.com", "i=@com", .want = "permerror", .reason = "i= is not of the domain of d=" },
	{ "i= with two @", "i-below", "i=@a.B.Example.com", "i=a@b@example.com", .want = "neutral", .reason = "i= is no address" },
	{ "i= with a hidden @", "i-below", "i=@a.B.Example.com", "i=a=40b@example.com", .want = "neutral", .reason = "i= is no address" },
	{ "i= that ends in the middle of a byte", "i-below", "i=@a.B.Example.com", "i=@example.com=", .want = "neutral", .reason = "i= is no address" },
	{ "t= that is no number", "old", "t=1500000000", "t=today", .want = "neutral", .reason = "t= or x= is no time" },
	{ "t= of 1970", "old", "t=1500000000", "t=1", .want = "neutral", .reason = "t= or x= is no time" },
	{ "t= of the year 60000", "old", "t=1500000000", "t=1830000000000", .want = "policy", .reason = "signed in the future" },
	{ "x= before t=", "times", "x=4000000000", "x=1600000000", .want = "permerror", .reason = "expired before it was signed" },
	{ "a signature that has expired", "past", .want = "permerror", .reason = "signature expired" },
	{ "one that has not", "times", .want = "pass" },
	{ "it signs a signature that is not there", "odd-from", "h=from", "h=from:dkim-signature", .want = "neutral", .reason = "signs signatures that cannot be checked" },
	{ "it signs all there is, itself too, and more", "odd-from", "h=from", "h=from:dkim-signature:to", .want = "neutral", .reason = "signs signatures that cannot be checked" },
	{ "it signs a malformed one", "signs-signature", "v=1; a=rsa-sha256", "a=rsa-sha256", .want = "neutral", .reason = "signs signatures that cannot be checked" },
	/* Weak and strong keys, RFC 8301. */
	{ "rsa-sha1", "sha1", .want = "policy", .reason = "rsa-sha1 is too weak" },
	{ "RSA of 512 bits", "bits-512", .want = "policy", .reason = "RSA key of 512 bits is too small" },
	{ "RSA of 4096 bits", "bits-4096", .want = "pass" },
	{ "RSA of 5120 bits", "bits-5120", .want = "policy", .reason = "RSA key of 5120 bits is too large" },
	/* Key records, RFC 6376 3.6.1 and 6.1.2, RFC 8463 4. */
	{ "a key in the other form of the RFC", "bare", .want = "pass" },
	{ "a key of type rsa by default", "bare", .records = { "p=%" }, .want = "pass" },
	{ "no v= in the record", "ed-relaxed-relaxed", .records = { "k=ed25519;p=%" }, .want = "pass" },
	{ "another version", "ed-relaxed-relaxed", .records = { "v=DKIM2; k=ed25519; p=%" }, .want = "permerror", .reason = "key of an unknown version" },
	{ "unknown tags", "ed-relaxed-relaxed", .records = { "v=DKIM1; g=; y=x; k=ed25519; n=no=20te; p=%;" }, .want = "pass" },
	{ "blanks in the key", "bare", .records = { "p= M I\t%" }, .want = "permerror", .reason = "key malformed" },
	{ "a revoked key", "ed-relaxed-relaxed", .records = { "v=DKIM1; k=ed25519; p=" }, .want = "permerror", .reason = "key revoked" },
	{ "a record without a key", "ed-relaxed-relaxed", .records = { "v=DKIM1; k=ed25519" }, .want = "permerror", .reason = "key record without a key" },
	{ "a tag twice", "ed-relaxed-relaxed", .records = { "k=ed25519; p=%; p=%" }, .want = "permerror", .reason = "key record malformed" },
	{ "no tag-list", "ed-relaxed-relaxed", .records = { "hello" }, .want = "permerror", .reason = "key record malformed" },
	{ "an empty record", "ed-relaxed-relaxed", .records = { "" }, .want = "permerror", .reason = "key record malformed" },
	{ "a key that is no base64", "ed-relaxed-relaxed", .records = { "k=ed25519; p=!" }, .want = "permerror", .reason = "key malformed" },
	{ "a short Ed25519 key", "ed-relaxed-relaxed", .records = { "k=ed25519; p=AAAA" }, .want = "permerror", .reason = "key malformed" },
	{ "another Ed25519 key", "ed-relaxed-relaxed", .records = { "k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=" }, .want = "fail", .reason = "signature did not verify" },
	{ "an Ed25519 key for an RSA signature", "bare", .records = { "k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=" }, .want = "permerror", .reason = "key of another type than a= says" },
	{ "an Ed25519 key without its type", "ed-relaxed-relaxed", .records = { "p=%" }, .want = "permerror", .reason = "key malformed" },
	{ "an unknown type", "ed-relaxed-relaxed", .records = { "k=dsa; p=%" }, .want = "permerror", .reason = "key of an unknown type" },
	{ "for mail among others", "ed-relaxed-relaxed", .records = { "k=ed25519; s=tlsrpt : email; p=%" }, .want = "pass" },
	{ "for all services", "ed-relaxed-relaxed", .records = { "k=ed25519; s=*; p=%" }, .want = "pass" },
	{ "not for mail", "ed-relaxed-relaxed", .records = { "k=ed25519; s=tlsrpt; p=%" }, .want = "permerror", .reason = "key is not for mail" },
	{ "for SHA-256 among others", "ed-relaxed-relaxed", .records = { "k=ed25519; h=sha1:sha256; p=%" }, .want = "pass" },
	{ "not for SHA-256", "ed-relaxed-relaxed", .records = { "k=ed25519; h=sha1; p=%" }, .want = "permerror", .reason = "key is not for SHA-256" },
	{ "t=s and i= below", "i-below", .records = { "k=ed25519; t=s; p=%" }, .want = "permerror", .reason = "key is not for the subdomain in i=" },
	{ "t=s and i= of the domain itself", "i-local", .records = { "k=ed25519; t=y:s; p=%" }, .want = "pass" },
	{ "a record of another kind beside the key", "ed-relaxed-relaxed", .records = { "v=spf1 -all", "k=ed25519; p=%" }, .want = "pass" },
	{ "two keys", "ed-relaxed-relaxed", .records = { "k=ed25519; p=%", "k=ed25519; p=%" }, .want = "permerror", .reason = "several keys at one name" },
	{ "two records, no key", "ed-relaxed-relaxed", .records = { "hello", "v=spf1 -all" }, .want = "permerror", .reason = "no key" },
	/* RSA keys in DER (RFC 8017 A.1.1), each of RFC 6376 C with one thing wrong. */
	{ "another byte behind the key", "rfc6376", .records = { "p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQABAA==" }, .want = "permerror", .reason = "key malformed" },
	{ "another number in the key", "rfc6376", .records = { "p=MIGiMA0GCSqGSIb3DQEBAQUAA4GQADCBjAKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQABAgEB" }, .want = "permerror", .reason = "key malformed" },
	{ "an even modulus", "rfc6376", .records = { "p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2AIDAQAB" }, .want = "permerror", .reason = "key malformed" },
	{ "an exponent of 1", "rfc6376", .records = { "p=MIGdMA0GCSqGSIb3DQEBAQUAA4GLADCBhwKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIBAQ==" }, .want = "permerror", .reason = "key malformed" },
	{ "an even exponent", "rfc6376", .records = { "p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAA" }, .want = "permerror", .reason = "key malformed" },
	{ "an exponent of 72 bits, slow to use", "rfc6376", .records = { "p=MIGmMA0GCSqGSIb3DQEBAQUAA4GUADCBkAKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIKAIAAAAAAAAAAAQ==" }, .want = "permerror", .reason = "key malformed" },
	{ "a negative modulus", "rfc6376", .records = { "p=MIGeMA0GCSqGSIb3DQEBAQUAA4GMADCBiAKBgPAhE/9QLdIGwSYapn1klbf8OQygZ4udCDV9afv/Ni0jE3ZKcUKPE4Iob2/dviNh9xM2HmKNKyrrfW4Ei0truh36/9G10LZTMnWVZP3jupH5FxpzaBu2j80yonR/N9WMfg64qGK11j21/qZzAaNo0FxZOggyY9I8N1A81RhyRxDZAgMBAAE=" }, .want = "permerror", .reason = "key malformed" },
	{ "a modulus with zeros in front", "rfc6376", .records = { "p=MIGgMA0GCSqGSIb3DQEBAQUAA4GOADCBigKBggAA8CET/1At0gbBJhqmfWSVt/w5DKBni50INX1p+/82LSMTdkpxQo8Tgihvb92+I2H3EzYeYo0rKut9bgSLS2u6Hfr/0bXQtlMydZVk/eO6kfkXGnNoG7aPzTKidH831Yx+DrioYrXWPbX+pnMBo2jQXFk6CDJj0jw3UDzVGHJHENkCAwEAAQ==" }, .want = "permerror", .reason = "key malformed" },
	{ "half a key", "rfc6376", .records = { "p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh4=" }, .want = "permerror", .reason = "key malformed" },
	{ "a length in a longer form", "rfc6376", .records = { "p=MIIAnzANBgkqhkiG9w0BAQEFAAOBjQAwgYkCgYEA8CET/1At0gbBJhqmfWSVt/w5DKBni50INX1p+/82LSMTdkpxQo8Tgihvb92+I2H3EzYeYo0rKut9bgSLS2u6Hfr/0bXQtlMydZVk/eO6kfkXGnNoG7aPzTKidH831Yx+DrioYrXWPbX+pnMBo2jQXFk6CDJj0jw3UDzVGHJHENkCAwEAAQ==" }, .want = "permerror", .reason = "key malformed" },
	{ "the same key made by hand", "rfc6376", .records = { "p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB" }, .want = "pass" },
	{ "an exponent of 64 bits", "rfc6376", .records = { "p=MIGlMA0GCSqGSIb3DQEBAQUAA4GTADCBjwKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIJAIAAAAAAAAAB" }, .want = "fail" },
	{ "RSA of 1023 bits", "rfc6376", .records = { "p=MIGeMA0GCSqGSIb3DQEBAQUAA4GMADCBiAKBgHgQif+oFukDYJMNUz6yStv+HIZQM8XOhBq+tP3/mxaRibslOKFHicEUN7fu3xGw+4mbDzFGlZV1vrcCRaW13Q79f+ja6FspmTrKsn7x3Uj8i405tA3bR+aZUTo/m+rGPwdcVDFa6x7a/1M5gNG0aC4snQQZMekeG6geaow5I4htAgMBAAE=" }, .want = "policy", .reason = "RSA key of 1023 bits is too small" },
	{ "no record", "ed-relaxed-relaxed", "s=ed;", "s=none;", .want = "permerror", .reason = "no key" },
};

static void
test_cases(struct dkim_stage *stage)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct str mail = dkim_stage_mail(stage, cases[i].file);
		struct dkim_result *results;
		int n;

		test_case("%s: %s", cases[i].file, cases[i].name);
		if (cases[i].from != NULL)
			mail = dkim_stage_edit(stage, mail, cases[i].from, cases[i].to);
		stage->records[0] = cases[i].records[0];
		stage->records[1] = cases[i].records[1];
		results = dkim_stage_verify(stage, mail, DKIM_CHUNK_MAX_BYTES, &n);
		if (expect(n > 0))
			dkim_stage_expect(&results[0], cases[i].want, cases[i].reason);
		stage->records[0] = stage->records[1] = NULL;
	}
}

/* --- what a result says --- */

static void
test_details(struct dkim_stage *stage)
{
	struct dkim_result *r;
	int n;

	test_case("details: of an RSA signature");
	r = dkim_stage_verify(stage, dkim_stage_mail(stage, "rfc6376"), 100, &n);
	expect_int(n, 1);
	expect_str(r->domain, STR("example.com"));
	expect_str(r->selector, STR("brisbane"));
	expect_str(r->identity, STR("joe@football.example.com"));
	expect_str(r->algorithm, STR("rsa-sha256"));
	expect_str(r->canonicalization, STR("simple/simple"));
	expect_str(r->b_prefix, STR("AuUoFEfD"));
	expect_int(r->key_bits, 1024);
	expect_int(r->signed_at_s, -1);
	expect_int(r->body_limit_bytes, -1);
	expect(!r->is_testing && !r->is_key_secure && !r->is_rest);

	test_case("details: of two signatures, one look-up for both");
	stage->n_asks = stage->n_questions = 0;
	stage->is_secure = true;
	r = dkim_stage_verify(stage, dkim_stage_mail(stage, "rfc8463"), 100, &n);
	stage->is_secure = false;
	expect_int(n, 2);
	expect_int(stage->n_asks, 1);
	expect_int(stage->n_questions, 2);
	expect_str(r[0].algorithm, STR("ed25519-sha256"));
	expect_int(r[0].key_bits, 256);
	expect_str(r[0].identity, STR("@football.example.com"));
	expect_int(r[0].signed_at_s, 1528637909);
	expect_str(r[1].b_prefix, STR("F45dVWDf"));
	dkim_stage_expect(&r[1], "pass", "");
	expect(r[0].is_key_secure);

	test_case("details: i= defaults to the domain, t=y is told");
	stage->records[0] = "k=ed25519; t=y; p=%";
	r = dkim_stage_verify(stage, dkim_stage_mail(stage, "times"), 100, &n);
	stage->records[0] = NULL;
	expect_str(r->identity, STR("@example.com"));
	expect_int(r->expires_at_s, 4000000000);
	expect(r->is_testing);
	dkim_stage_expect(r, "pass", NULL);

	test_case("details: a signature that could not be read says what it can");
	r = dkim_stage_verify(stage, dkim_stage_edit(stage, dkim_stage_mail(stage, "old"), "v=1", "v=3"), 100, &n);
	expect_str(r->domain, STR("example.com"));
	expect_str(r->selector, STR("ed"));
	expect_int((int64_t)r->b_prefix.len, 8);
}

static void
test_settings(struct dkim_stage *stage)
{
	struct str mail = dkim_stage_mail(stage, "l-part");
	struct timestamp now = stage->now;
	struct dkim_result *r;
	int n;

	test_case("settings: a part of the body is enough where it may be, and told");
	stage->settings.accepts_partial_body = true;
	r = dkim_stage_verify(stage, mail, 100, &n);
	stage->settings.accepts_partial_body = false;
	expect_text(dkim_verdict_word(r->verdict), "pass");
	expect_int(r->body_limit_bytes, 10);
	expect_int(r->body_unsigned_bytes, 41);
	expect_str(r->reason, STR("l= leaves 41 bytes of the body unsigned"));

	test_case("settings: time is what the caller says");
	stage->now.us = 1700000000LL * 1000000;
	dkim_stage_expect(dkim_stage_verify(stage, dkim_stage_mail(stage, "past"), 100, &n), "pass", NULL);
	stage->now.us = 1700000301LL * 1000000;
	dkim_stage_expect(dkim_stage_verify(stage, dkim_stage_mail(stage, "past"), 100, &n), "permerror", "signature expired");
	stage->now.us = 1699999700LL * 1000000;
	dkim_stage_expect(dkim_stage_verify(stage, dkim_stage_mail(stage, "times"), 100, &n), "pass", NULL);
	stage->now.us = 1699999699LL * 1000000;
	dkim_stage_expect(dkim_stage_verify(stage, dkim_stage_mail(stage, "times"), 100, &n), "policy", "signed in the future");
	stage->now = now;

	test_case("settings: signatures beyond the maximum are told, and cost nothing");
	stage->settings.signatures_max = 1;
	stage->n_questions = 0;
	r = dkim_stage_verify(stage, dkim_stage_mail(stage, "both"), 100, &n);
	expect_int(n, 2);
	expect_int(stage->n_questions, 1);
	dkim_stage_expect(&r[0], "pass", NULL);
	dkim_stage_expect(&r[1], "policy", "1 more signatures were not looked at");
	expect(r[1].is_rest);

	test_case("settings: one that signs those beyond cannot be checked");
	r = dkim_stage_verify(stage, dkim_stage_mail(stage, "signs-signature"), 100, &n);
	dkim_stage_expect(&r[0], "neutral", "signs signatures that cannot be checked");
	stage->settings.signatures_max = 5;
}

/* A list, or somebody who means harm, puts many on top: what DMARC needs is looked at all the same, and told in its order. */
static void
test_choice(struct dkim_stage *stage)
{
	static const char many[] = "DKIM-Signature: v=1; a=rsa-sha256; d=list%d.example; s=x; h=from;\r\n\tbh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n";
	static const struct authors mine = { .domains = { STR("example.com") }, .n_domains = 1 },
	    below = { .domains = { STR("mail.example.com") }, .n_domains = 1 }, others = { .domains = { STR("other.example") }, .n_domains = 1 };
	struct str mail = dkim_stage_mail(stage, "both");
	struct dkim_result *r;
	struct buf text;
	int n;

	buf_init(&text, 100000);
	for (int i = 0; i < 7; i++)
		buf_printf(&text, many, i);
	buf_append(&text, mail);
	test_case("choice: signatures of the author's domain are looked at first, below all others");
	stage->authors = &mine;
	r = dkim_stage_verify(stage, buf_str(&text), 100, &n);
	expect_int(n, 6);
	expect_str(r[0].domain, STR("list0.example"));
	expect_str(r[2].domain, STR("list2.example"));
	dkim_stage_expect(&r[3], "pass", NULL);
	dkim_stage_expect(&r[4], "pass", NULL);
	dkim_stage_expect(&r[5], "policy", "4 more signatures were not looked at");
	test_case("choice: those of the domain above it next");
	stage->authors = &below;
	r = dkim_stage_verify(stage, buf_str(&text), 100, &n);
	dkim_stage_expect(&r[4], "pass", NULL);
	test_case("choice: of others the first from the top");
	stage->authors = &others;
	r = dkim_stage_verify(stage, buf_str(&text), 100, &n);
	expect_str(r[4].domain, STR("list4.example"));
	test_case("choice: of too many of the author's the lowest, which were there first");
	stage->authors = &mine;
	stage->settings.signatures_max = 1;
	r = dkim_stage_verify(stage, mail, 100, &n);
	expect_int(n, 2);
	expect_str(r[0].algorithm, STR("rsa-sha256"));
	stage->settings.signatures_max = 5;
	stage->authors = NULL;
	buf_fini(&text);
}

static void
test_lookup(struct dkim_stage *stage)
{
	struct str mail = dkim_stage_mail(stage, "both");
	struct dkim_result *r;
	int n;

	test_case("look-up: trouble with the DNS is temporary");
	stage->result = DNS_UNSETTLED;
	r = dkim_stage_verify(stage, mail, 100, &n);
	expect_int(n, 2);
	dkim_stage_expect(&r[0], "temperror", "key cannot be looked up now");
	dkim_stage_expect(&r[1], "temperror", "key cannot be looked up now");
	stage->is_bogus = true;
	dkim_stage_expect(dkim_stage_verify(stage, mail, 100, &n), "temperror", "key record is bogus");
	stage->is_bogus = false;

	test_case("look-up: a name without TXT records has no key");
	stage->result = DNS_NO_DATA;
	dkim_stage_expect(dkim_stage_verify(stage, mail, 100, &n), "permerror", "no key");
	stage->result = DNS_FOUND;

	test_case("look-up: a mail without signatures asks nothing");
	stage->n_asks = 0;
	(void)dkim_stage_verify(stage, STR("From: a@example.com\r\n\r\nx\r\n"), 100, &n);
	expect_int(n, 0);
	expect_int(stage->n_asks, 0);

	test_case("look-up: a name for two signatures is asked for once");
	stage->n_questions = 0;
	r = dkim_stage_verify(stage, dkim_stage_edit(stage, mail, "s=rsa;", "s=ed;"), 100, &n);
	expect_int(stage->n_questions, 1);
	dkim_stage_expect(&r[0], "pass", NULL);
	dkim_stage_expect(&r[1], "permerror", "key of another type than a= says");
}

/* --- bodies in pieces, changed bytes, several mails --- */

static void
test_chunks(struct dkim_stage *stage)
{
	static const char *const files[] = { "rsa-simple-simple", "ed-simple-relaxed", "ed-relaxed-relaxed", "empty-lines-simple",
	    "empty-lines-relaxed", "no-end-simple", "no-end-relaxed", "long-line", "l-whole-simple", "l-whole-relaxed" };

	test_case("chunks: it does not matter where a body is cut");
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct str mail = dkim_stage_mail(stage, files[i]);

		for (size_t chunk = 1; chunk < 80; chunk++) {
			int n;

			if (!expect_text(dkim_verdict_word(dkim_stage_verify(stage, mail, chunk, &n)->verdict), "pass"))
				expect_text(files[i], "");
		}
	}
}

/* Under simple/simple each byte of the signed fields, of the signature field and of the body counts. */
static void
test_flips(struct dkim_stage *stage)
{
	struct str mail = dkim_stage_mail(stage, "rsa-simple-simple"), copy = STR_EMPTY;
	size_t unsigned_from = (size_t)str_find_str(mail, STR("Message-ID:"));
	size_t unsigned_to = unsigned_from + strlen("Message-ID: <1@example.com>\r\n");
	size_t other_from = (size_t)str_find_str(mail, STR("Received:")), other_to = (size_t)str_find_str(mail, STR("From:"));
	size_t to_from = (size_t)str_find_str(mail, STR("\r\n\r\n")) + 2;
	int n_flips = 0;

	test_case("flips: no changed byte of what is signed passes");
	for (size_t i = 0; i < mail.len; i++) {
		struct dkim_result *r;
		char *bytes;
		int n;

		if ((i >= unsigned_from && i < unsigned_to) || (i >= other_from && i < other_to) || i == to_from || i == to_from + 1)
			continue;
		expect(arena_copy(&stage->files, mail, &copy));
		bytes = (char *)(uintptr_t)copy.at;
		bytes[i] ^= 1;
		r = dkim_stage_verify(stage, copy, 64, &n);
		if (n > 0 && !expect(r->verdict != DKIM_PASS))
			expect_int((int64_t)i, -1);
		n_flips++;
	}
	expect(n_flips > 500);
}

static void
test_together(struct dkim_stage *stage)
{
	struct str mails[3] = { dkim_stage_mail(stage, "rfc8463"), dkim_stage_mail(stage, "both"),
	    dkim_stage_edit(stage, dkim_stage_mail(stage, "rsa-relaxed-relaxed"), "We lost", "We won") };
	static const char *const want[3] = { "pass", "pass", "fail" };
	struct dkim_verification *v[3];
	struct header_section headers[3];

	test_case("together: mails do not disturb each other");
	arena_fini(&stage->arena);
	arena_init(&stage->arena, 1 << 22);
	for (int i = 0; i < 3; i++) {
		expect_int(header_read(mails[i], &stage->arena, &headers[i]), 0);
		v[i] = dkim_stage_begin(stage, &headers[i], &stage->arena, NULL);
		expect(dkim_verify_wants_body(v[i]));
	}
	for (size_t at = 0; at < 1000; at += 7) {
		for (int i = 0; i < 3; i++)
			dkim_verify_body(v[i], str_sub(mails[i], headers[i].body_at + at, 7));
	}
	for (int i = 2; i >= 0; i--) {
		struct dkim_result *r;
		int n;

		r = dkim_verify_end(v[i], &n);
		expect_text(dkim_verdict_word(r->verdict), want[i]);
	}

	test_case("together: one can be dropped");
	v[0] = dkim_stage_begin(stage, &headers[0], &stage->arena, NULL);
	expect(dkim_verify_wants_body(v[0]));
	dkim_verify_body(v[0], STR("Hi"));
	dkim_verify_drop(v[0]);

	test_case("together: without room there is a fault, and nothing leaks");
	for (size_t room = 0; room < 40000; room += 500) {
		struct fault fault = { .kind = FAULT_PERMANENT };
		struct arena arena;
		int n;

		arena_init(&arena, room);
		v[0] = dkim_stage_begin(stage, &headers[2], &arena, &fault);
		if (v[0] == NULL)
			expect(fault.kind == FAULT_TEMPORARY && fault.cause == FAULT_FULL);
		else
			expect(dkim_verify_end(v[0], &n)->verdict != DKIM_PASS);
		arena_fini(&arena);
	}
}

int
main(void)
{
	struct dkim_stage stage;

	dkim_stage_init(&stage);
	test_cases(&stage);
	test_details(&stage);
	test_settings(&stage);
	test_choice(&stage);
	test_lookup(&stage);
	test_chunks(&stage);
	test_flips(&stage);
	test_together(&stage);
	dkim_stage_fini(&stage);
	return test_end();
}
