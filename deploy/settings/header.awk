# Makes build/include/settings.h from the table: the settings that C code reads, for shared/base/config.c.
#
#	awk -f deploy/settings/header.awk deploy/settings/table

function fault(why) {
	print "deploy/settings/table:" NR ": " why >"/dev/stderr"
	wrong = 1
	exit 1
}

function number(text) {
	if (text !~ /^(0|[1-9][0-9]*)$/)
		fault("'" text "' is not a whole number")
	return text
}

BEGIN {
	FS = " *[|] *"
	print "/* Made by deploy/settings/header.awk from deploy/settings/table. */"
	print "static const struct setting\tsettings[] = {"
}

!/^[A-Z]/ { next }
NF != 6 { fault("a setting has six fields") }
seen[$1]++ { fault($1 " is there twice") }
$2 !~ /(^| )(all|queue|reservation|payment|point|toss|token)( |$)/ { next }

{
	name = $1; type = $3; values = $4; initial = $6
	required = initial == "required"
	choices = "NULL"; min = max = least = 0
	if (type == "number") {
		kind = "NUMBER"
		if (split(values, range, "-") != 2)
			fault("the values of a number that C code reads are least-most")
		min = number(range[1]); max = number(range[2]); least = required ? min : number(initial)
		if (max + 0 < min + 0 || least + 0 < min + 0 || least + 0 > max + 0)
			fault("the default is out of range")
	} else if (type == "choice") {
		kind = "CHOICE"
		count = split(values, words, " ")
		choices = "(const char *const []){ "
		found = 0
		for (i = 1; i <= count; i++) {
			choices = choices "\"" words[i] "\", "
			found = found || words[i] == initial
		}
		choices = choices "NULL }"
		if (!found)
			fault("the default is none of the choices")
	} else if (type == "secret") {
		kind = "SECRET"
		min = number(values)
	} else
		kind = "TEXT"
	printf "\t{ \"%s\", SETTING_%s, %s, %s, %s, \"%s\", %s, %s },\n", name, kind, min, max, least, required ? "" : initial,
	    choices, required ? "true" : "false"
}

END {
	if (!wrong)
		print "};"
}
