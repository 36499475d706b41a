// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package dns

import "strconv"

// TypeName gives a type's mnemonic, "TYPE1234" for others (RFC 3597 section 5).
func TypeName(t uint16) string {
	switch t {
	case typeA:
		return "A"
	case typeNS:
		return "NS"
	case typeCNAME:
		return "CNAME"
	case typeSOA:
		return "SOA"
	case typePTR:
		return "PTR"
	case 13:
		return "HINFO"
	case typeMX:
		return "MX"
	case typeTXT:
		return "TXT"
	case 24:
		return "SIG"
	case 25:
		return "KEY"
	case typeAAAA:
		return "AAAA"
	case 29:
		return "LOC"
	case typeSRV:
		return "SRV"
	case typeNAPTR:
		return "NAPTR"
	case 37:
		return "CERT"
	case typeDNAME:
		return "DNAME"
	case typeOPT:
		return "OPT"
	case typeDS:
		return "DS"
	case 44:
		return "SSHFP"
	case 46:
		return "RRSIG"
	case 47:
		return "NSEC"
	case 48:
		return "DNSKEY"
	case 50:
		return "NSEC3"
	case 51:
		return "NSEC3PARAM"
	case 52:
		return "TLSA"
	case 53:
		return "SMIMEA"
	case 59:
		return "CDS"
	case 60:
		return "CDNSKEY"
	case 61:
		return "OPENPGPKEY"
	case typeSVCB:
		return "SVCB"
	case typeHTTPS:
		return "HTTPS"
	case typeSPF:
		return "SPF"
	case 249:
		return "TKEY"
	case 250:
		return "TSIG"
	case typeIXFR:
		return "IXFR"
	case typeAXFR:
		return "AXFR"
	case 255:
		return "ANY"
	case 256:
		return "URI"
	case typeCAA:
		return "CAA"
	}
	return "TYPE" + strconv.Itoa(int(t))
}

// RCodeName gives a response code's mnemonic (IANA "DNS RCODEs"), its number for others.
func RCodeName(c uint16) string {
	names := [...]string{
		"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE",
		"DSOTYPENI", 16: "BADVERS", 17: "BADKEY", 18: "BADTIME", 19: "BADMODE", 20: "BADNAME", 21: "BADALG", 22: "BADTRUNC", 23: "BADCOOKIE",
	}
	if int(c) < len(names) && names[c] != "" {
		return names[c]
	}
	return strconv.Itoa(int(c))
}

// OpcodeName gives an operation's name (IANA "DNS OpCodes"), its number for others.
func OpcodeName(o uint8) string {
	names := [...]string{"QUERY", "IQUERY", "STATUS", "", "NOTIFY", "UPDATE", "DSO"}
	if int(o) < len(names) && names[o] != "" {
		return names[o]
	}
	return strconv.Itoa(int(o))
}
