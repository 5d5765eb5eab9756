#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# loads.sh KIND NAME: what developers run, again and again, as a container of that name; a line in
# $HARM/NAME.done for each time it did what it had to do, the last words of the others in NAME.failed.
# REST: seconds that it sleeps after each.
#
#   compile   gcc -O1 of a C file
#   node      node --test, with buffers and JSON
#   python    python3 -m unittest, the same
#   database  sqlite3: scans, an index, updates in a transaction, of a file of 16 MB
#   jvm       a compiler that runs on the Java machine (ecj, whose script in trixie lacks a jar)
#   sum       a shell's arithmetic, with a rest after each; for a neighbour
set -u
HARM=${HARM:-/run/harm}
kind=$1 name=$2
home=$HARM/$name.d
mkdir -p "$home"
cd "$home" || exit

prepare_node() {
        cat > some.test.js << 'END'
const test = require('node:test'), assert = require('node:assert');
test('buffers', () => {
        const all = [];
        for (let i = 0; i < 12; i++) all.push(Buffer.alloc(1 << 20, i));
        assert.strictEqual(Buffer.concat(all).length, 12 << 20);
});
test('json', () => {
        const rows = Array.from({ length: 5000 }, (_, i) => ({ id: i, name: 'row ' + i }));
        assert.deepStrictEqual(JSON.parse(JSON.stringify(rows))[4999], rows[4999]);
});
END
}

prepare_python() {
        cat > test_some.py << 'END'
import json, unittest

class Some(unittest.TestCase):
    def test_buffers(self):
        self.assertEqual(len(b"".join(bytes([i]) * (1 << 20) for i in range(16))), 16 << 20)

    def test_json(self):
        rows = [{"id": i, "name": "row %d" % i} for i in range(5000)]
        self.assertEqual(json.loads(json.dumps(rows)), rows)
END
}

prepare_database() {
        sqlite3 some.db "PRAGMA journal_mode=WAL; CREATE TABLE t (id INTEGER PRIMARY KEY, k INT, v BLOB);
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 8000)
                INSERT INTO t SELECT i, i * 7919 % 8000, randomblob(2000) FROM n;
                CREATE INDEX tk ON t (k);"
}

prepare_jvm() {
        { echo 'public class Some {'
          for i in {1..40}; do
                echo "static int f$i(int[] a) { int s = 0; for (int x : a) s += x * $i; return s; }"
          done
          echo '}'; } > Some.java
}

once_compile() {
        gcc -O1 -D_GNU_SOURCE -c -o some.o /src/tests/integration/peer.c
}

once_node() {
        node --test .
}

once_python() {
        python3 -m unittest -q
}

once_database() {
        sqlite3 some.db "SELECT sum(length(v)) FROM t; SELECT count(*) FROM t WHERE k < 900;
                BEGIN; UPDATE t SET v = randomblob(2000) WHERE k % 40 = 7; COMMIT;" &&
                [ "$(sqlite3 some.db "PRAGMA quick_check")" = ok ]
}

once_jvm() {
        rm -f Some.class
        java -cp '/usr/share/java/*' org.eclipse.jdt.internal.compiler.batch.Main -17 -proc:none -d . Some.java &&
                [ -s Some.class ]
}

once_sum() {
        local i sum=0
        for ((i = 0; i < 5000; i++)); do
                sum=$((sum + i))
        done
        sleep 0.2
        [ "$sum" = 12497500 ]
}

export JAVA_TOOL_OPTIONS="-Xmx96m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"
[ "$(type -t "prepare_$kind")" != function ] || "prepare_$kind" > out 2>&1 || exit
while :; do
        if "once_$kind" > out 2>&1; then
                echo >> "$HARM/$name.done"
        else
                { echo "$kind: status $?"; tail -n 5 out; } >> "$HARM/$name.failed"
                sleep 1
        fi
        [ -z "${REST-}" ] || sleep "$REST"
done
