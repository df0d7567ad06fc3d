(function () {
  "use strict";
  // The script only draws: every number comes, already computed, with the page.
  const NAMESPACE = "http://www.w3.org/2000/svg";
  const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1]};

  function add(parent, tag, attributes, text) {
    const element = document.createElementNS(NAMESPACE, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (text !== undefined) element.textContent = text;
    return parent.appendChild(element);
  }

  function put(parent, tag, name, text = "") {
    const element = parent.appendChild(document.createElement(tag));
    element.className = name;
    element.textContent = text;
    return element;
  }

  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  const minus = (text) => String(text).replace("-", "−");

  /** A number as Python's ".6g" prints it but for the exponent's zero; null is infinity. */
  function show(value) {
    return value === null ? "+∞" : minus(Number(value.toPrecision(6)));
  }

  function ticks(low, high, room, gap) {
    const rough = (high - low) * gap / Math.max(room, gap);
    const decade = 10 ** Math.floor(Math.log10(rough));
    const step = decade * [1, 2, 5, 10].find((multiple) => multiple * decade >= rough * 0.999);
    const found = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) found.push(k * step);
    return found.map((value) => Number(value.toPrecision(10)));
  }

  function nearest(values, value) {
    let best = 0;
    values.forEach((each, k) => { if (Math.abs(each - value) < Math.abs(values[best] - value)) best = k; });
    return best;
  }

  /** Cuts a polygon of [x, y, value] where its value reaches a level; keeps the upper part. */
  function upper(polygon, level) {
    const kept = [];
    polygon.forEach((a, k) => {
      const b = polygon[(k + 1) % polygon.length];
      if (a[2] >= level) kept.push(a);
      if ((a[2] >= level) !== (b[2] >= level)) {
        // an infinite end takes the whole way
        const t = a[2] === Infinity ? 1 : b[2] === Infinity ? 0 : (level - a[2]) / (b[2] - a[2]);
        kept.push([a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1]), level]);
      }
    });
    return kept;
  }

  /** The region of a table at or above a level, as path data, and the segments of its edge. */
  function region(table, xs, ys, level) {
    let area = "";
    const edges = [];
    for (let j = 0; j + 1 < ys.length; j++) {
      for (let i = 0; i + 1 < xs.length; i++) {
        const corners = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]]
          .map(([c, r]) => [xs[c], ys[r], table[r][c]]);
        const cell = upper(corners, level), finite = corners.every((corner) => corner[2] < Infinity);
        if (cell.length < 3) continue;
        area += "M" + cell.map(([x, y]) => x.toFixed(1) + "," + y.toFixed(1)).join("L") + "Z";
        cell.forEach((a, k) => {
          const b = cell[(k + 1) % cell.length];
          if (a[2] === level && b[2] === level && finite) edges.push([a, b]);
        });
      }
    }
    return {area, edges};
  }

  /** Where to label an iso-line: on it, far from the border and from the labels set before. */
  function spot(edges, width, height, taken) {
    let best = null, most = 18;
    for (const [[x, y]] of edges) {
      const border = Math.min(x - 4, width - x - 4, (y + 2) * 1.6, (height - y + 2) * 1.6);
      const others = taken.map(([u, v]) => Math.hypot((x - u) * 0.7, y - v));
      const room = Math.min(border, ...others, 60);
      if (room > most) [best, most] = [[x, y], room];
    }
    return best;
  }

  /** A density of the page as a function of the place (column, row): values at the points. */
  function sampler(data, density) {
    const [xs, ys] = data.parameters.map((parameter) => parameter.values);
    if (density.points) {
      return (column, row) => data.points.map((point) => {
        const z = (point - xs[column]) / ys[row], last = density.points.length - 1;
        if (z < density.points[0] || z > density.points[last]) return 0;
        let low = 0, high = last;
        while (high - low > 1) {
          const middle = (low + high) >> 1;
          if (density.points[middle] <= z) low = middle; else high = middle;
        }
        const t = (z - density.points[low]) / (density.points[high] - density.points[low]);
        return ((1 - t) * density.values[low] + t * density.values[high]) / ys[row];
      });
    }
    const values = density.values || Array.from(
      atob(density.codes), (letter) => letter.charCodeAt(0) / 255 * density.peak);
    const [rows, columns, count] = density.shape;
    return (column, row) => data.points.map((_, k) => values[
      ((rows > 1 ? row : 0) * columns + (columns > 1 ? column : 0)) * count + (count > 1 ? k : 0)]);
  }

  /** The frame of one panel: scales, ticks, title, and a clipped plot area within. */
  function frame(host, {xRange, yRange, title = "", xLabel, yLabel = "", grid = false, narrow}) {
    host.textContent = "";
    const [left, right, top, bottom] = [yLabel ? 46 : 32, 12, 26, 36];
    const width = Math.max(host.clientWidth - left - right, 20);
    const height = host.clientHeight - top - bottom;
    const svg = add(host, "svg", {width: host.clientWidth, height: host.clientHeight});
    const x = (v) => (v - xRange[0]) / (xRange[1] - xRange[0]) * width;
    const y = (v) => height - (v - yRange[0]) / (yRange[1] - yRange[0]) * height;
    const heading = add(svg, "text", {class: "kldiv-title", x: left, y: 15}, title);
    const plot = add(svg, "svg", {x: left, y: top, width, height});
    const axes = add(svg, "g", {transform: `translate(${left},${top})`});
    for (const v of ticks(...xRange, width, narrow ? 38 : 52)) {
      if (grid) add(plot, "path", {class: "kldiv-grid", d: `M${x(v)},0V${height}`});
      add(axes, "path", {class: "kldiv-frame", d: `M${x(v)},${height}v4`});
      add(axes, "text", {x: x(v), y: height + 16, "text-anchor": "middle"}, minus(v));
    }
    for (const v of ticks(...yRange, height, 34)) {
      if (grid) add(plot, "path", {class: "kldiv-grid", d: `M0,${y(v)}H${width}`});
      add(axes, "path", {class: "kldiv-frame", d: `M0,${y(v)}h-4`});
      add(axes, "text", {x: -7, y: y(v) + 4, "text-anchor": "end"}, minus(v));
    }
    add(axes, "path", {class: "kldiv-frame", d: `M0,0V${height}H${width}`});
    add(axes, "text", {class: "kldiv-title", x: width / 2, y: height + 31, "text-anchor": "middle"}, xLabel);
    add(axes, "text", {class: "kldiv-title", "text-anchor": "middle",
                       transform: `translate(-34,${height / 2}) rotate(-90)`}, yLabel);
    return {svg, plot, axes, heading, x, y, width, height, left, top};
  }

  function star(parent, x, y, radius) {
    const corner = (k) => {
      const [angle, size] = [k * Math.PI / 5, k % 2 ? radius * 0.42 : radius];
      return (x + size * Math.sin(angle)).toFixed(1) + "," + (y - size * Math.cos(angle)).toFixed(1);
    };
    return add(parent, "polygon", {class: "kldiv-best", points: [...Array(10).keys()].map(corner).join(" ")});
  }

  function line(points) {
    let path = "", pen = "M";
    for (const [x, y] of points) {
      if (Number.isFinite(x) && Number.isFinite(y)) path += pen + x.toFixed(1) + "," + y.toFixed(1);
      pen = Number.isFinite(x) && Number.isFinite(y) ? "L" : "M";
    }
    return path;
  }

  function mount(root) {
    const data = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
    const [first, second] = data.parameters;
    const xs = first.values, ys = second.values;
    const table = data.table.map((row) => row.map((value) => value === null ? Infinity : value));
    const density = {p: sampler(data, data.p), q: sampler(data, data.q)};
    const bottom = Math.min(0, ...table.flat());
    const valueRange = [bottom - 0.04 * (data.ceiling - bottom), data.ceiling];
    let [column, row] = data.place;
    let refresh = () => {};

    root.style.setProperty("--kldiv-value", `var(--kldiv-${data.direction})`);
    const readout = put(root, "output", "kldiv-readout");
    readout.setAttribute("aria-live", "polite");
    readout.setAttribute("aria-atomic", "true");
    const numbers = [first.symbol, second.symbol, data.label].map((symbol, k) => {
      const item = put(readout, "span", k === 2 ? "kldiv-result" : "", symbol + " = ");
      const number = put(item, "b", "");
      if (k === 2) item.append(" nats");
      return number;
    });
    const panels = put(root, "div", "kldiv-panels");
    const host = {};
    for (const name of ["densities", "map", "x", "y"]) host[name] = put(panels, "div", "kldiv-panel kldiv-" + name);
    put(root, "p", "kldiv-hint", "Move over the map or a slice, or use the arrow keys. "
      + "The star is the least value, on the map (Home takes you there) and on each slice.");

    function move(toColumn, toRow) {
      column = clamp(toColumn, 0, xs.length - 1);
      row = clamp(toRow, 0, ys.length - 1);
      const value = data.table[row][column];
      root.setAttribute("data-" + first.name, xs[column]);
      root.setAttribute("data-" + second.name, ys[row]);
      root.setAttribute("data-value", value === null ? "Infinity" : value);
      [xs[column], ys[row], value].forEach((each, k) => { numbers[k].textContent = show(each); });
      refresh();
    }

    /** Makes a panel follow the pointer, a finger and the keys along one parameter or both. */
    function steer(panel, name, label, alongX, alongY) {
      const target = host[name], hit = put(target, "div", "kldiv-hit");
      for (const side of ["left", "top", "width", "height"]) hit.style[side] = panel[side] + "px";
      const follow = (event) => {
        const box = hit.getBoundingClientRect();
        const [u, v] = [event.clientX - box.left, event.clientY - box.top];
        const toColumn = nearest(xs.map(panel.x), u), toRow = nearest(ys.map(panel.y), v);
        move(alongX ? toColumn : column, alongY ? toRow : row);
      };
      hit.addEventListener("pointerdown", (event) => {
        hit.setPointerCapture(event.pointerId);
        follow(event);
      });
      hit.addEventListener("pointermove", follow);
      target.setAttribute("tabindex", "0");
      target.setAttribute("role", alongX && alongY ? "application" : "slider");
      target.setAttribute("aria-label", label);
      if (alongX && alongY) target.setAttribute("aria-roledescription", "map with a crosshair");
      target.onkeydown = (event) => {
        let step = ARROWS[event.key], far = event.shiftKey ? 5 : 1;
        if (event.key === "Home" && alongX && alongY) move(...data.minimum);
        else if (event.key === "Home" || event.key === "End") {
          const end = event.key === "Home" ? -1e9 : 1e9;
          move(alongX ? end : column, alongY ? end : row);
        } else if (step) {
          // along one parameter, both pairs of arrows move it
          if (!alongX || !alongY) step = [step[0] + step[1], step[0] + step[1]];
          move(column + (alongX ? far * step[0] : 0), row + (alongY ? far * step[1] : 0));
        } else return;
        event.preventDefault();
      };
    }

    function drawMap() {
      const map = frame(host.map, {xRange: [xs[0], xs.at(-1)], yRange: [ys[0], ys.at(-1)],
        title: data.label + ", nats", xLabel: first.symbol, yLabel: second.symbol});
      const [columns, rows] = [xs.map(map.x), ys.map(map.y)];
      const stars = data.stars.map(([c, r]) => [columns[c], rows[r]]), taken = [...stars];
      const labels = [];
      add(map.plot, "rect", {width: map.width, height: map.height, fill: data.ramp[0]});
      data.levels.forEach((level, k) => {
        const {area, edges} = region(table, columns, rows, level);
        add(map.plot, "path", {d: area, fill: data.ramp[k + 1]});
        add(map.plot, "path", {class: "kldiv-iso",
          d: edges.map(([a, b]) => line([a, b])).join("")});
        const place = spot(edges, map.width, map.height, taken);
        if (place) taken.push(place), labels.push([place, level, k]);
      });
      const infinite = table.some((cells) => cells.includes(Infinity));
      if (infinite) add(map.plot, "path", {class: "kldiv-infinite", d: region(table, columns, rows, Infinity).area});
      for (const [[x, y], level, k] of labels) {
        add(map.plot, "text", {class: "kldiv-level", x, y: y + 4, style:
          `fill:${2 * k > data.levels.length ? "#fff" : "#12241d"};stroke:${data.ramp[k + 1]}`}, level);
      }
      for (const [x, y] of stars) star(map.axes, x, y, 9);
      return map;
    }

    function drawSlices() {
      const value = data.label + ", nats", narrow = host.x.clientWidth < 240;
      const shared = {grid: true, narrow};
      const alongX = frame(host.x, {...shared, xRange: [xs[0], xs.at(-1)], yRange: valueRange,
        xLabel: first.symbol, yLabel: value});
      const alongY = frame(host.y, {...shared, xRange: valueRange, yRange: [ys[0], ys.at(-1)],
        xLabel: value, yLabel: second.symbol});
      return [alongX, alongY];
    }

    function drawDensities() {
      const range = [Math.min(...data.points), Math.max(...data.points)];
      if (data.discrete) range[0] -= 0.6, range[1] += 0.6;
      const panel = frame(host.densities, {xRange: range, yRange: [0, 1.06 * data.peak], xLabel: "x",
        yLabel: data.discrete ? "probability" : "density", title: "p and q"});
      panel.svg.setAttribute("role", "img");
      panel.svg.setAttribute("aria-label", "p and q at the crosshair");
      const group = add(panel.plot, "g", data.discrete ? {class: "kldiv-discrete"} : {});
      panel.paths = ["p", "q"].map((name) => add(group, "path", {class: "kldiv-" + name}));
      ["p", "q"].forEach((name, k) => add(panel.axes, "text", {
        class: "kldiv-" + name, x: panel.width - 34 + 20 * k, y: 14}, name));
      return panel;
    }

    /** p and q as filled curves; probabilities as bars (p) and thin stems (q). */
    function shape(panel, name) {
      const values = density[name](column, row);
      const base = panel.y(0), points = values.map((v, k) => [panel.x(data.points[k]), panel.y(v)]);
      if (!data.discrete) return line(points) + `L${points.at(-1)[0]},${base}L${points[0][0]},${base}Z`;
      const half = name === "p" ? 0.38 * (panel.x(1) - panel.x(0)) : 1.2;
      return points.map(([x, y]) => `M${x - half},${base}V${y}H${x + half}V${base}Z`).join("");
    }

    function draw() {
      const map = drawMap(), [alongX, alongY] = drawSlices(), densities = drawDensities();
      const curves = [alongX, alongY].map((panel) => add(panel.plot, "path", {class: "kldiv-curve"}));
      const cross = [[map, 1, 1], [alongX, 1, 0], [alongY, 0, 1]].flatMap(([panel, vertical, horizontal]) =>
        (panel === map ? ["kldiv-halo", "kldiv-cross"] : ["kldiv-cross"]).map((name) => ({
          panel, vertical, horizontal, path: add(panel.plot, "path", {class: name})})));
      const stars = [alongX, alongY].map((panel) => star(panel.axes, 0, 0, 6.5));
      const dots = [map, alongX, alongY].map((panel) => add(panel.axes, "circle", {class: "kldiv-dot", r: 5.5}));
      const settle = (element, x, y) => element.setAttribute("transform", `translate(${x},${y})`);
      const names = [first.symbol, second.symbol];
      steer(map, "map", `${data.label} over ${names.join(" and ")}: arrow keys move, Home is the least`, true, true);
      steer(alongX, "x", `${names[0]}, with the slice of ${data.label} along it`, true, false);
      steer(alongY, "y", `${names[1]}, with the slice of ${data.label} along it`, false, true);

      refresh = () => {
        const x = xs[column], y = ys[row], value = Math.min(table[row][column], data.ceiling);
        for (const {panel, vertical, horizontal, path} of cross) {
          path.setAttribute("d", (vertical ? `M${panel.x(x)},0V${panel.height}` : "")
            + (horizontal ? `M0,${panel.y(y)}H${panel.width}` : ""));
        }
        const down = table.map((cells) => cells[column]);
        curves[0].setAttribute("d", line(table[row].map((v, k) => [alongX.x(xs[k]), alongX.y(v)])));
        curves[1].setAttribute("d", line(down.map((v, k) => [alongY.x(v), alongY.y(ys[k])])));
        settle(dots[0], map.x(x), map.y(y));
        settle(dots[1], alongX.x(x), alongX.y(value));
        settle(dots[2], alongY.x(value), alongY.y(y));
        [table[row], down].forEach((slice, k) => {
          const least = Math.min(...slice), at = slice.indexOf(least);
          stars[k].style.display = least <= data.ceiling ? "" : "none";
          if (least === Infinity) return;
          if (k === 0) settle(stars[k], alongX.x(xs[at]), alongX.y(least));
          else settle(stars[k], alongY.x(least), alongY.y(ys[at]));
        });
        densities.paths.forEach((path, k) => path.setAttribute("d", shape(densities, "pq"[k])));
        alongX.heading.textContent = `along ${names[0]}, at ${names[1]} = ${show(y)}`;
        alongY.heading.textContent = `along ${names[1]}, at ${names[0]} = ${show(x)}`;
        [[host.x, xs, x], [host.y, ys, y]].forEach(([target, values, now], k) => {
          target.setAttribute("aria-valuemin", values[0]);
          target.setAttribute("aria-valuemax", values.at(-1));
          target.setAttribute("aria-valuenow", now);
          target.setAttribute("aria-valuetext", `${names[k]} = ${show(now)}`);
        });
      };
      refresh();
    }

    let width = 0;
    new ResizeObserver(() => {
      if (panels.clientWidth !== width && panels.clientWidth > 0) {
        width = panels.clientWidth;
        draw();
      }
    }).observe(panels);
    move(column, row);
  }

  for (const root of document.querySelectorAll(".kldiv-explorer:not([data-mounted])")) {
    root.setAttribute("data-mounted", "");
    mount(root);
  }
})();
