#!/usr/bin/perl
# srs_judge.pl - Mail::SRS, which SRS comes from, makes and undoes addresses
#
#	srs_judge.pl DOMAIN SECRET...
#
# A question is a line on stdin, "forward ADDRESS" or "reverse ADDRESS"; an answer is an address, or "no".
use strict;
use warnings;
use Mail::SRS;

$| = 1;
$| = 1;
my $domain = shift @ARGV;
my $srs = Mail::SRS->new(Secret => [@ARGV]);
local $SIG{__WARN__} = sub { };		# "Someone smashed case"

while (my $line = <STDIN>) {
	chomp $line;
	my ($way, $address) = split / /, $line, 2;
	my $answer = eval { $way eq 'forward' ? $srs->forward($address, $domain) : $srs->reverse($address) };
	print defined $answer ? $answer : 'no', "\n";
}
