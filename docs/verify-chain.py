import collections, hashlib, json, math, sqlite3, struct, sys

db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
f64 = lambda xs: b"".join(struct.pack("<Q", 0x7FF8 << 48) if x is None or x != x else struct.pack("<d", x) for x in xs)
row = lambda sql, *values: db.execute(sql, values).fetchone()
text = lambda table, id: row(f"SELECT content FROM {table} WHERE id = ?", id)[0]
scalar = lambda x: {"NaN": float("nan"), "-0": -0.0}[x] if isinstance(x, str) else x
SUMMARY = "l2_norm, mean, min, max, zero_count, non_finite_count, nan_count"
summed = lambda norm, mean, min, max, zeros, bad, nan: f64([nan if bad else norm, mean, min, max, zeros, bad])
head, runs = bytes(32), collections.defaultdict(lambda: dict(numbers={}, next=0, first=0, step=0, packing=1))


def number(content, again=True):  # of a text, in its run; at first sight it joins the batch
    if again and content in run["numbers"]:
        return run["numbers"][content]
    texts.append(content)
    run["next"] += 1
    if again:
        run["numbers"][content] = run["next"] - 1
    return run["next"] - 1


def value(cell):  # eight bytes as two words; what the chain covers of a larger array goes to digests
    tag, id = cell[:2].hex(), int.from_bytes(cell[2:], "big")
    if tag == "7ffe":
        return [0, 0]
    if tag not in ("7ffb", "7ffc"):
        return [1, struct.unpack(">d", cell)[0]]
    found = row(f"SELECT hash, {SUMMARY} FROM _value WHERE id = ?", id)
    digests.append(found[0] + (summed(*found[1:]) if tag == "7ffb" else b""))
    return [4 if tag == "7ffb" else 2, len(digests) - 1]


def values(slots, cell, cells, count, kind):
    if kind in (3, 8) and cells > 1:  # a small array from outside stands in the cells itself
        size = int.from_bytes(slots[8 * cell : 8 * cell + 8], "big")
        digests.append(slots[8 * cell + 8 : 8 * cell + 8 + size])
        return [5, len(digests) - 1]
    words = []
    for part in range(count):
        at = 8 * (cell + part)
        words += value(slots[at : at + 8]) if part < cells else [0, 0]
    return words


def gradient(id):  # what is kept of it, and of what the variable held after accumulation
    words = []
    for table in ("_gradient", "_accumulated"):
        kept, stored, single, *summary = row(f"SELECT kept, value_id, scalar, {SUMMARY} FROM {table} WHERE id = ?", id) or [0] * 10
        if kept == 3:
            digests.append(summed(*summary))
            words += [3, len(digests) - 1]
        elif kept == 1:
            words += [1, scalar(single)]
        else:
            words += [0, 0] if kept == 0 else value((b"\x7f\xfc" if kept == 2 else b"\x7f\xfb") + stored.to_bytes(6, "big"))
    return words


def assignment(id, variable, source, form, outside):
    measured = row(f"SELECT update_norm, {SUMMARY} FROM _assignment WHERE id = ?", id)
    if measured is None:
        return [8, variable, source, number(form), *outside()]
    update, *summary = measured
    words = [20, variable, source, number(form), update]
    if source == 0:
        return words + outside()
    if summary[4] is None:
        return words + [0, 0]
    if math.prod(json.loads(form)[1]) == 1:
        return words + [1, summary[3]]
    digests.append(summed(*summary))
    return words + [3, len(digests) - 1]


def block_words(id, template, base, slots):
    entries, refs = {}, lambda position, list: [
        0 if n == 0 else base - int(n - 0.5) if isinstance(n, float) else -n if n < 0 else position - n % 2**40 + n - n % 2**40
        for n in list
    ]
    event_count, *lists = row("SELECT event_count, calls, leaves, gradients, assignments, clears, passes, freezes FROM _template WHERE id = ?", template)
    for kind, entry in ((kind, entry) for kind, list in zip((4, 3, 6, 8, 7, 18, 22), lists) for entry in json.loads(list)):
        entries[entry[0]] = (kind, entry)
    for offset in range(event_count):
        position = (id & 0xFFFFFFFF) + offset
        kind, e = entries.get(offset, (0, None))
        if kind == 4:
            signature, inputs, outputs = text("_signature", e[3]), refs(position, e[5:]), e[2] - (e[4] == 0)
            count, name = len(json.loads(signature)[3]), number(signature)
            at = 8 * (e[1] + outputs)
            told = number(text("_text", e[4])) if e[4] else -1 - number(text("_text", int.from_bytes(slots[at + 2 : at + 8], "big")), False)
            site = row("SELECT s.content FROM _call_site c JOIN _site s ON s.id = c.site_id WHERE c.id = ?", id + offset)
            if site is not None:
                yield [19, number(site[0]), name, told, len(inputs), *inputs, count, *values(slots, e[1], outputs, count, kind)]
            elif run["packing"] > 1 and count == 1 and outputs == 0 and len(inputs) <= 3 and 0 <= told < 2**22 and name < 2**18:
                yield [2**40 * (1 + len(inputs)) + 2**18 * told + name, *inputs]
            else:
                yield [4, name, told, len(inputs), *inputs, count, *values(slots, e[1], outputs, count, kind)]
        elif kind == 3:
            yield [3, number(text("_leaf_form", e[3])), *refs(position, e[4:]), *values(slots, e[1], e[2], 1, kind)]
        elif kind == 6:
            yield [6, *refs(position, e[5:]), number(text("_array_form", e[3])), e[4], *gradient(id + offset)]
        elif kind == 8:
            yield assignment(id + offset, *refs(position, e[4:]), text("_array_form", e[3]), lambda: values(slots, e[1], e[2], 1, kind))
        elif kind == 7:
            yield [7, *refs(position, e[1:])]
        elif kind == 18:
            given = refs(position, e[3:])
            yield [18, e[1], e[2], *given[: 2 * e[2]], len(given) - 2 * e[2], *given[2 * e[2] :]]
        elif kind == 22:
            yield [22, *refs(position, e[2:]), e[1]]
        else:
            yield row_words(id + offset)


def row_words(id):  # of an event that has a row of its own
    if step := row("SELECT step, elapsed_ms FROM _step WHERE id = ?", id):
        run["step"] = step[0]
        return [2, step[1]]
    if metric := row("SELECT name_id, scalar, variable FROM _metric WHERE id = ?", id):
        return [9, number(text("_text", metric[0])), scalar(metric[1]), metric[2] or 0]
    kind, payload = row("SELECT kind, payload FROM _fact WHERE id = ?", id)
    if kind == 11:
        words = [11, len(json.loads(payload)["variables"])]
        held = db.execute("SELECT form_id, value_id, scalar FROM _checkpoint_value WHERE id = ? ORDER BY ordinal", (id,))
        for variable, (form, stored, single) in zip(json.loads(payload)["variables"], held.fetchall()):
            cell = struct.pack(">d", scalar(single)) if stored is None else b"\x7f\xfc" + stored.to_bytes(6, "big")
            words += [variable, number(text("_array_form", form)), *value(cell)]
        return words
    if kind == 1:
        run["packing"] = json.loads(payload).get("packing", 1)
    return [kind, number(payload, False)]


for id, run_id, first, count, at, want in db.execute("SELECT id, run_id, first_position, event_count, committed_at, hash FROM _commit ORDER BY id"):
    if count == 0:  # names and tags; or values that were computed again (see "The chain"), which are taken as they are here
        labels = db.execute("SELECT kind, text FROM _label WHERE commit_id = ? ORDER BY id", (id,)).fetchall()
        covered = json.dumps(["labels", run_id, at, [list(label) for label in labels]], ensure_ascii=False, separators=(",", ":"))
        if labels and hashlib.sha256(head + covered.encode()).digest() != want:
            sys.exit(f"commit {id} (name and tags of run {run_id}) does not have its hash")
        head = want
        continue
    run, texts, digests, words, base = runs[run_id], [], [], [], run_id << 32
    step = run["step"]
    blocks = "SELECT id, template_id, base, slots FROM _block WHERE id BETWEEN ? AND ? ORDER BY id"
    for block in db.execute(blocks, (base + first, base + first + count - 1)):
        for event in block_words(*block):
            words += event
    hash = hashlib.sha256(head + f64([run_id, first, step, count, run["first"], len(texts), len(digests)]) + at.encode() + f64(words))
    hash.update(json.dumps(texts, ensure_ascii=False, separators=(",", ":")).encode() + b"".join(digests))
    if hash.digest() != want:
        sys.exit(f"commit {id} (run {run_id}, events {first} to {first + count - 1}) does not have its hash")
    if run["next"] >= 65536:  # the run's texts are numbered anew
        run.update(numbers={}, next=0)
    head, run["first"] = want, run["next"]
print(head.hex())
