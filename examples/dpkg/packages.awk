# Turns Debian's package index (stdin: stanzas of "Field: value") into JSON lines.
function text(s) { gsub(/\\/, "\\\\", s); gsub(/"/, "\\\"", s); gsub(/[\001-\037]/, " ", s); return "\"" s "\"" }
function number(s) { return s ~ /^[0-9]+$/ ? s : "null" }
function flush_record() {
    if (name != "")
        printf "{\"package\":%s,\"version\":%s,\"section\":%s,\"priority\":%s,\"installed_size\":%s,\"maintainer\":%s}\n", text(name), text(version), text(section), text(priority), number(size), text(maintainer)
    name = version = section = priority = size = maintainer = ""
}
/^$/ { flush_record(); next }
/^Package: / { name = substr($0, 10) }
/^Version: / { version = substr($0, 10) }
/^Section: / { section = substr($0, 10) }
/^Priority: / { priority = substr($0, 11) }
/^Installed-Size: / { size = substr($0, 17) }
/^Maintainer: / { maintainer = substr($0, 13) }
END { flush_record() }
