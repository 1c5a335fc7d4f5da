# One night from cron: sh recipes/night.sh KEYS [--unfinished], in the folder of paperline.toml.
#
# KEYS is a file of NAME=value lines, as systemd's EnvironmentFile and podman's --env-file take
# them. With --unfinished it runs only where the last night ended with 75.
set -eu

keys=$1
unfinished=cache/night.unfinished # in cache/, where losing it does no harm

if [ "${2-}" = --unfinished ] && ! [ -e "$unfinished" ]; then
    exit 0
fi
if [ -n "$(find "$keys" -perm /077)" ]; then
    echo "$keys can be read by others: chmod 600 $keys" >&2
    exit 2
fi
# Values are taken as they are: none of their characters means anything to the shell. A line that
# cannot be used is told by its number, since cron mails what is said here.
number=0
return=$(printf '\r')
while IFS= read -r line || [ -n "$line" ]; do
    number=$((number + 1))
    line=${line%"$return"} # written on Windows
    case $line in
        '#'* | ';'*) continue ;;
        *[![:space:]]*) ;;
        *) continue ;;
    esac
    case ${line%%=*} in
        "$line" | '' | [0-9]* | *[!A-Za-z0-9_]*)
            echo "$keys: line $number is not NAME=value, without spaces around = and without export" >&2
            exit 2
            ;;
    esac
    export "$line"
done <"$keys"

code=0
date '+== %F %T %z' >>night.log
.venv/bin/paperline --quiet run >>night.log 2>&1 || code=$?
if [ "$code" = 75 ]; then
    mkdir -p cache
    : >"$unfinished"
else
    rm -f "$unfinished"
fi
# cron mails what is printed here: a night that failed, and nothing else.
case $code in
    0 | 3 | 75) exit 0 ;;
esac
echo "paperline run ended with $code; the end of $PWD/night.log:" >&2
tail -n 20 night.log >&2
exit "$code"
