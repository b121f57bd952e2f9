#!/usr/bin/env bash
# Fetches GTEx V8 from the GTEx portal and imports it: gene expression (TPM) of 17,382 samples and
# 56,200 genes, with the tissue of each sample as its class and the donor as its group.
#
# Why here: for people with a network who want the real data at full size. An interrupted download
# goes on where it stopped. Files appear under their name only when they are complete.
set -euo pipefail
# shellcheck source=jobs/lib/lockstep.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib/lockstep.sh"

usage() {
    cat <<'END'
usage: jobs/gtex-download.sh [DIR] [--no-import]

  DIR           where the files go (default: data/gtex-v8 in the repository's folder);
                1.6 GB of downloads, and up to 4 GB for the imported DIR/gtex-v8.h5
  --no-import   only download, and print the import command

environment:
  GTEX_URL      another place to fetch from (default: https://storage.googleapis.com/adult-gtex)
  LOCKSTEP      the lockstep program to import with
  LOCKSTEP_WORK where data/ goes (default: the repository's folder)
END
}

folder=
import=yes
for argument in "$@"; do
    case $argument in
    --no-import) import=no ;;
    -h | --help)
        usage
        exit 0
        ;;
    -*) ls_die "unknown option $argument" "see $0 --help" ;;
    *)
        [ -z "$folder" ] || ls_die "one folder, please: $folder or $argument?" "see $0 --help"
        folder=$argument
        ;;
    esac
done
folder=${folder:-$ls_work/data/gtex-v8}

url=${GTEX_URL:-https://storage.googleapis.com/adult-gtex}
expression=GTEx_Analysis_2017-06-05_v8_RNASeQCv1.1.9_gene_tpm.gct.gz
attributes=GTEx_Analysis_v8_Annotations_SampleAttributesDS.txt

# Whether a download is whole: all of a gzip file, a table that begins with its id column.
is_whole() {
    case $1 in
    *.gz*) gzip -t <"$1" 2>/dev/null ;;
    *) head -n 1 -- "$1" | grep -q '^SAMPID' ;;
    esac
}

# curl's exit codes where going on is no use: the server refuses ranges, or there is nothing left.
cannot_go_on() {
    [ "$1" -eq 22 ] || [ "$1" -eq 33 ] || [ "$1" -eq 36 ]
}

# fetch PLACE NAME: downloads one file into the folder.
fetch() {
    local from=$url/$1/$2 part=$folder/$2.part code=0
    if [ -f "$folder/$2" ]; then
        ls_say "$2: already there"
        return
    fi
    ls_say "$2: downloading ..."
    curl -fL --retry 3 --connect-timeout 20 -C - -o "$part" -- "$from" || code=$?
    if cannot_go_on "$code" && [ -f "$part" ] && ! is_whole "$part"; then
        rm -f -- "$part"
        code=0
        curl -fL --retry 3 --connect-timeout 20 -o "$part" -- "$from" || code=$?
    fi
    if [ "$code" -ne 0 ] && ! { cannot_go_on "$code" && [ -f "$part" ]; }; then
        ls_die "$from: the download failed (curl's exit code $code)" \
            "check the network or a proxy (https_proxy), and run this again: it goes on where it
  stopped. By hand: https://gtexportal.org/home/downloads, files $expression
  and $attributes into $folder"
    fi
    if ! is_whole "$part"; then
        rm -f -- "$part"
        ls_die "$2: what was downloaded is damaged; it was removed" "run this again"
    fi
    mv -- "$part" "$folder/$2"
    ls_say "$2: done"
}

command -v curl >/dev/null || ls_install download ||
    ls_die "there is no curl" "install it, or load its module"
mkdir -p -- "$folder" || ls_die "$folder cannot be created" "name another folder: $0 DIR"
fetch annotations/v8/metadata-files "$attributes"
fetch bulk-gex/v8/rna-seq "$expression"

lockstep=$(ls_program)
command=("${lockstep:-lockstep}" import gct "$folder/$expression"
    --attributes "$folder/$attributes" --label SMTSD --group donor -o "$folder/gtex-v8.h5")
if [ -f "$folder/gtex-v8.h5" ]; then
    ls_say "gtex-v8.h5: already imported"
elif [ "$import" = yes ] && [ -n "$lockstep" ]; then
    "${command[@]}"
else
    ls_say "import it with:"
    printf ' %q' "${command[@]}"
    printf '\n'
fi
# V8 has 54 tissues.
printf 'train on it: lockstep train %q --set model.3.dense.units=54 --set data.file=%q\n' \
    "$ls_home/configs/gtex-tissue.yaml" "$folder/gtex-v8.h5"
