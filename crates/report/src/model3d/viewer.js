/* Balls and sticks on 2-D canvases by painter's order. Written without less-than signs and ampersands,
   so that a page that holds it is well-formed XML as well. */
"use strict";
{
  /* Seen a little from above and from the side: what is flat shows that it is. */
  const TILT = [[0.94, 0, 0.342], [0.117, 0.94, -0.321], [-0.321, 0.342, 0.883]];
  const BEHIND = 5; /* distance of the eye in radii of the structure: a slight perspective */
  const apply = (m, v) => m.map((r) => dot(r, v));
  const times = (a, b) => a.map((r) => [0, 1, 2].map((k) => r[0] * b[0][k] + r[1] * b[1][k] + r[2] * b[2][k]));
  const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  /* Rows: where points spread most, second most, and least, by power iteration; right-handed. */
  const axes = (points) => {
    const found = [];
    [[1, 0.4, 0.2], [0.2, 1, 0.4]].forEach((start) => {
      let way = start;
      for (let round = 0; 60 > round; round += 1) {
        const add = (sum, p, s) => sum.map((x, k) => x + s * p[k]);
        const pulled = points.reduce((sum, p) => add(sum, p, dot(p, way)), way.map((x) => 1e-6 * x));
        const free = found.reduce((sum, own) => add(sum, own, -dot(sum, own)), pulled);
        const size = Math.hypot(...free) || 1;
        way = free.map((x) => x / size);
      }
      found.push(way);
    });
    const [u, v] = found;
    return [u, v, [0, 1, 2].map((k) => u[(k + 1) % 3] * v[(k + 2) % 3] - u[(k + 2) % 3] * v[(k + 1) % 3])];
  };
  const chunks = (list, n) => Array.from({ length: list.length / n }, (_, i) => list.slice(n * i, n * i + n));
  const mix = (hex, to, part) => {
    const [a, b] = [hex, to].map((h) => [1, 3, 5].map((i) => parseInt(h.slice(i, i + 2), 16)));
    return "rgb(" + a.map((x, k) => Math.round(x + (b[k] - x) * part)).join(",") + ")";
  };
  const light = (hex) =>
    [1, 3, 5].reduce((sum, at, k) => sum + [0.3, 0.59, 0.11][k] * parseInt(hex.slice(at, at + 2), 16), 0);
  let held = null; /* the picture that was touched last: the wheel is its own */
  const all = [];

  const view = (canvas, kinds, structure) => {
    const balls = chunks(structure.balls, 4).map(([kind, ...at]) => ({ at, kind: kinds[kind] }));
    const sticks = chunks(structure.sticks, 3);
    const marked = new Set(structure.marked);
    const extent = Math.max(...balls.map((b) => Math.hypot(...b.at) + b.kind[2]));
    const [width, height] = [canvas.width, canvas.height];
    const pen = canvas.getContext("2d");
    const first = times(TILT, axes(balls.map((ball) => ball.at)));
    let turn = first, zoom = 1, asked = false, last = [0, 0];

    const draw = () => {
      asked = false;
      const dense = window.devicePixelRatio || 1;
      canvas.width = width * dense;
      canvas.height = height * dense;
      const style = getComputedStyle(canvas);
      const colour = (name) => style.getPropertyValue(name).trim();
      const [stick, bad, paper] = ["--quiet", "--bad", "--shade"].map(colour);
      pen.setTransform(dense, 0, 0, dense, (width / 2) * dense, (height / 2) * dense);
      pen.clearRect(-width / 2, -height / 2, width, height);
      const unit = (zoom * 0.47 * Math.min(width, height)) / extent;
      const near = (z) => BEHIND / (BEHIND - Math.min(z / extent, 0.9 * BEHIND));
      const flat = (p) => [p[0] * unit * near(p[2]), -p[1] * unit * near(p[2])];
      const at = balls.map((ball) => apply(turn, ball.at));
      const jobs = [];

      balls.forEach(({ kind: [label, hex, radius] }, i) => {
        jobs.push([at[i][2], () => {
          const [x, y] = flat(at[i]);
          const r = radius * unit * near(at[i][2]);
          const shade = pen.createRadialGradient(x - 0.35 * r, y - 0.4 * r, 0.05 * r, x, y, r);
          shade.addColorStop(0, mix(hex, "#ffffff", 0.65));
          shade.addColorStop(0.45, hex);
          shade.addColorStop(1, mix(hex, "#000000", 0.45));
          pen.beginPath();
          pen.arc(x, y, r, 0, 2 * Math.PI);
          pen.fillStyle = shade;
          pen.fill();
          pen.lineWidth = 1;
          pen.strokeStyle = mix(hex, "#000000", 0.55);
          pen.stroke();
          if (marked.has(i)) {
            pen.beginPath();
            pen.arc(x, y, r + 2.5, 0, 2 * Math.PI);
            pen.lineWidth = 2.5;
            pen.strokeStyle = bad;
            pen.stroke();
          }
          if (label !== "" ? r > 7 : false) {
            pen.fillStyle = light(hex) > 130 ? "#101418" : "#ffffff";
            pen.font = "600 " + Math.min(1.1 * r, 13) + "px system-ui, sans-serif";
            pen.textAlign = "center";
            pen.textBaseline = "middle";
            pen.fillText(label, x, y + 0.5);
          }
        }]);
      });

      sticks.forEach(([a, b, lines]) => {
        const way = [0, 1, 2].map((k) => at[b][k] - at[a][k]);
        const length = Math.hypot(...way);
        const [from, to] = [0.9 * balls[a].kind[2], length - 0.9 * balls[b].kind[2]];
        if (from > to) return; /* hidden in its balls */
        const on = (s) => way.map((x, k) => at[a][k] + (x * s) / length);
        /* In halves: an end may lie before one ball and behind another. */
        [[from, (from + to) / 2], [(from + to) / 2, to]].forEach(([s, t]) => {
          const [p, q, middle] = [on(s), on(t), on((s + t) / 2)];
          jobs.push([middle[2], () => {
            const [[x, y], [u, v]] = [flat(p), flat(q)];
            const across = Math.hypot(u - x, v - y) || 1;
            const size = Math.max(1.5, 0.11 * unit * near(middle[2]));
            const gap = 1.9 * size;
            const thick = lines === 1 ? 1.5 * size : size;
            for (let k = 0; lines > k; k += 1) {
              const off = ((k - (lines - 1) / 2) * gap) / across;
              const [dx, dy] = [(y - v) * off, (u - x) * off];
              [[thick + 1.6, paper], [thick, stick]].forEach(([w, stroke]) => {
                pen.beginPath();
                pen.moveTo(x + dx, y + dy);
                pen.lineTo(u + dx, v + dy);
                pen.lineWidth = w;
                pen.strokeStyle = stroke;
                pen.stroke();
              });
            }
          }]);
        });
      });
      jobs.sort((a, b) => a[0] - b[0]).forEach((job) => job[1]());
    };

    const ask = () => {
      if (!asked) requestAnimationFrame(draw);
      asked = true;
    };
    canvas.addEventListener("pointerdown", (event) => {
      held = canvas;
      last = [event.clientX, event.clientY];
      canvas.setPointerCapture(event.pointerId);
      event.preventDefault();
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!canvas.hasPointerCapture(event.pointerId)) return;
      /* Not movementX: some browsers leave it out for fingers. */
      const [a, b] = [(event.clientX - last[0]) / 90, (event.clientY - last[1]) / 90];
      last = [event.clientX, event.clientY];
      const about = [[Math.cos(a), 0, Math.sin(a)], [0, 1, 0], [-Math.sin(a), 0, Math.cos(a)]];
      const over = [[1, 0, 0], [0, Math.cos(b), -Math.sin(b)], [0, Math.sin(b), Math.cos(b)]];
      turn = times(over, times(about, turn));
      ask();
    });
    canvas.addEventListener("wheel", (event) => {
      if (held !== canvas) return; /* the page scrolls */
      event.preventDefault();
      zoom = Math.min(8, Math.max(0.3, zoom * Math.exp(-event.deltaY / 600)));
      ask();
    }, { passive: false });
    canvas.addEventListener("dblclick", () => {
      [turn, zoom] = [first, 1];
      ask();
    });
    all.push(ask);
    draw();
  };

  document.querySelectorAll(".models").forEach((grid) => {
    const { kinds, structures } = JSON.parse(grid.querySelector("script").textContent);
    grid.querySelectorAll("canvas").forEach((canvas, i) => view(canvas, kinds, structures[i]));
  });
  document.addEventListener("pointerdown", (event) => {
    if (event.target !== held) held = null;
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => all.forEach((ask) => ask()));
}
