// Where boxes stand: layers by longest paths, few crossings, places by least squares
// (Sugiyama, Tagawa and Toda, 1981), one open group inside another.
//
// "Across" runs along a layer, "along" from layer to layer: x and y of a graph that
// reads downwards, y and x of one that reads to the right.

const SWEEPS = 10;

// items: {across, along, port: -1 at the start, 1 at the end, 0 else}; edges: [a, b].
// Sets item.x (across) and item.y (along), centres; gives each edge its inner points.
function layered(items, edges, gapAcross, gapAlong) {
  const forward = withoutCycles(items.length, edges);
  const layer = layersOf(items, edges, forward);
  const cells = items.map((item, k) => ({ item, size: item.across, layer: layer[k], above: [], below: [] }));
  const chains = edges.map(([a, b], k) => {
    const [first, last] = forward[k] ? [a, b] : [b, a];
    const chain = [cells[first]];
    for (let l = layer[first] + 1; l < layer[last]; l++) {
      const cell = { item: null, size: 10, layer: l, above: [], below: [] };
      cells.push(cell);
      chain.push(cell);
    }
    chain.push(cells[last]);
    for (let j = 1; j < chain.length; j++) {
      chain[j - 1].below.push(chain[j]);
      chain[j].above.push(chain[j - 1]);
    }
    return forward[k] ? chain : chain.reverse();
  });
  const layers = [];
  for (const cell of cells) (layers[cell.layer] ||= []).push(cell);
  const rows = layers.filter(Boolean);
  order(rows);
  settleAll(rows, gapAcross);
  let low = Infinity;
  let high = -Infinity;
  for (const cell of cells) {
    low = Math.min(low, cell.x - cell.size / 2);
    high = Math.max(high, cell.x + cell.size / 2);
  }
  let at = 0;
  rows.forEach((row, k) => {
    const tall = Math.max(...row.map((c) => (c.item ? c.item.along : 0)));
    const bare = row.every((c) => !c.item || c.item.port);
    for (const cell of row) {
      cell.y = at + tall / 2;
      cell.half = tall / 2;
    }
    const next = rows[k + 1];
    const thin = bare || (next && next.every((c) => !c.item || c.item.port));
    at += tall + (k + 1 < rows.length ? (thin ? gapAlong * 0.6 : gapAlong) : 0);
  });
  for (const cell of cells) {
    cell.x -= low;
    if (cell.item) Object.assign(cell.item, { x: cell.x, y: cell.y });
  }
  const points = chains.map((chain) =>
    chain.slice(1, -1).flatMap((c) => [[c.x, c.y - c.half], [c.x, c.y + c.half]]));
  return { across: high - low || 0, along: at, points };
}

// For each edge, whether it runs with the others once cycles are cut.
function withoutCycles(count, edges) {
  const out = Array.from({ length: count }, () => []);
  edges.forEach(([a, b], k) => out[a].push([b, k]));
  const state = new Uint8Array(count);
  const forward = edges.map(() => true);
  for (let s = 0; s < count; s++) {
    if (state[s]) continue;
    const stack = [[s, 0]];
    state[s] = 1;
    while (stack.length) {
      const top = stack[stack.length - 1];
      if (top[1] === out[top[0]].length) {
        state[top[0]] = 2;
        stack.pop();
        continue;
      }
      const [b, k] = out[top[0]][top[1]++];
      if (state[b] === 1) forward[k] = false;
      else if (!state[b]) {
        state[b] = 1;
        stack.push([b, 0]);
      }
    }
  }
  return forward;
}

function layersOf(items, edges, forward) {
  const count = items.length;
  const next = Array.from({ length: count }, () => []);
  const waiting = new Int32Array(count);
  edges.forEach(([a, b], k) => {
    const [s, t] = forward[k] ? [a, b] : [b, a];
    next[s].push(t);
    waiting[t]++;
  });
  const ins = waiting.slice();
  const layer = new Int32Array(count);
  const ready = [];
  items.forEach((_, k) => waiting[k] === 0 && ready.push(k));
  while (ready.length) {
    const s = ready.pop();
    for (const t of next[s]) {
      layer[t] = Math.max(layer[t], layer[s] + 1);
      if (--waiting[t] === 0) ready.push(t);
    }
  }
  let last = 0;
  // what reads nothing stands right before its first reader
  items.forEach((item, k) => {
    if (!ins[k] && next[k].length && item.port !== -1) {
      layer[k] = Math.max(0, Math.min(...next[k].map((t) => layer[t])) - 1);
    }
    if (item.port !== 1) last = Math.max(last, layer[k]);
  });
  items.forEach((item, k) => {
    if (item.port === 1) layer[k] = last + 1;
  });
  return layer;
}

function order(rows) {
  const number = (row) => row.forEach((c, k) => { c.at = k; });
  rows.forEach(number);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const down = sweep % 2 === 0;
    for (const row of down ? rows : [...rows].reverse()) {
      for (const c of row) {
        const near = down ? c.above : c.below;
        let sum = 0;
        for (const m of near) sum += m.at;
        c.key = near.length ? sum / near.length : c.at;
      }
      row.sort((a, b) => a.key - b.key || a.at - b.at);
      number(row);
    }
  }
}

function settleAll(rows, gap) {
  for (const row of rows) {
    let right = 0;
    for (const c of row) {
      c.x = right + c.size / 2;
      right += c.size + gap;
    }
  }
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    for (const row of sweep % 2 === 0 ? rows : [...rows].reverse()) {
      settle(row, gap, row.map((c) => {
        const count = c.above.length + c.below.length;
        if (!count) return c.x;
        let sum = 0;
        for (const m of c.above) sum += m.x;
        for (const m of c.below) sum += m.x;
        return sum / count;
      }));
    }
  }
}

// Gives the cells of a row the nearest places to those wanted that keep their distances:
// runs that push one another move together, to their mean.
function settle(row, gap, wanted) {
  const runs = [];
  const offsets = [];
  let total = 0;
  row.forEach((c, k) => {
    if (k) total += (row[k - 1].size + c.size) / 2 + (row[k - 1].item && c.item ? gap : gap * 0.7);
    offsets.push(total);
    let start = wanted[k] - total;
    let count = 1;
    while (runs.length && runs[runs.length - 1][0] / runs[runs.length - 1][1] > start / count) {
      const [sum, more] = runs.pop();
      start += sum;
      count += more;
    }
    runs.push([start, count]);
  });
  let k = 0;
  for (const [start, count] of runs) {
    for (let j = 0; j < count; j++, k++) row[k].x = start / count + offsets[k];
  }
}
