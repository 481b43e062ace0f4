// Showers in three dimensions: cells as prisms, painted from the back to the front.
const data = JSON.parse(document.getElementById("display-data").textContent);
const view = { turn: -0.75, tilt: 0.42, zoom: 1, event: Math.floor(data.events.length / 2) };
const [halfWidth, depth] = data.box;
const middle = depth / 2;
const reach = Math.hypot(halfWidth * 1.1, middle);

function projector(width, height) {
  const [ct, st, cp, sp] = [Math.cos(view.turn), Math.sin(view.turn), Math.cos(view.tilt), Math.sin(view.tilt)];
  const scale = (0.52 * Math.min(width, height) * 1.02 * view.zoom) / reach;
  // the beam (z) runs to the right, y up; then turned about y and tilted towards the reader
  return (x, y, z) => {
    const a = (z - middle) * ct - x * st;
    const b = (z - middle) * st + x * ct;
    const far = b * cp - y * sp;
    const up = y * cp + b * sp;
    const near = scale / (1 + far / (6 * reach));
    return [width / 2 + a * near, height / 2 - up * near, far];
  };
}

function prismFaces(cell) {
  const [z0, z1, outline] = data.cells[cell];
  const faces = [outline.map(([x, y]) => [x, y, z0]), outline.map(([x, y]) => [x, y, z1])];
  outline.forEach(([x, y], i) => {
    const [u, v] = outline[(i + 1) % outline.length];
    faces.push([[x, y, z0], [u, v, z0], [u, v, z1], [x, y, z1]]);
  });
  return faces;
}

function densityRange(event) {
  let top = 0;
  for (const shower of event.showers) for (const density of shower.densities) top = Math.max(top, density);
  return [top * 1e-5, top];
}

function drawShower(canvas, index) {
  const pixels = devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (!width) return;
  canvas.width = width * pixels;
  canvas.height = height * pixels;
  const context = canvas.getContext("2d");
  context.scale(pixels, pixels);
  const event = data.events[view.event];
  const project = projector(width, height);
  drawBox(context, project);
  const [low, top] = densityRange(event);
  const polygons = [];
  event.showers[index].cells.forEach((cell, i) => {
    const level = Math.max(0, Math.log(event.showers[index].densities[i] / low) / Math.log(top / low));
    const colour = data.shades[Math.min(data.shades.length - 1, Math.floor(level * data.shades.length))];
    for (const face of prismFaces(cell)) {
      const points = face.map((point) => project(...point));
      polygons.push({ points, colour, alpha: 0.02 + 0.7 * level ** 3, far: points.reduce((sum, p) => sum + p[2], 0) / points.length });
    }
  });
  polygons.sort((a, b) => b.far - a.far);
  for (const { points, colour, alpha } of polygons) {
    context.globalAlpha = alpha;
    context.fillStyle = colour;
    context.beginPath();
    points.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
    context.fill();
  }
  context.globalAlpha = 1;
}

function drawBox(context, project) {
  const soft = getComputedStyle(root).getPropertyValue("--soft");
  const corner = (i) => project(i & 1 ? halfWidth : -halfWidth, i & 2 ? halfWidth : -halfWidth, i & 4 ? depth : 0);
  context.strokeStyle = soft;
  context.globalAlpha = 0.55;
  context.lineWidth = 1;
  context.beginPath();
  for (let i = 0; i < 8; i++) for (const bit of [1, 2, 4]) {
    if (!(i & bit)) { context.moveTo(...corner(i).slice(0, 2)); context.lineTo(...corner(i | bit).slice(0, 2)); }
  }
  context.stroke();
  context.globalAlpha = 1;
  drawBeam(context, project);
}

function drawBeam(context, project) {
  const [from, to] = [project(0, 0, -0.32 * depth), project(0, 0, 0)];
  const angle = Math.atan2(to[1] - from[1], to[0] - from[0]);
  context.strokeStyle = context.fillStyle = getComputedStyle(root).getPropertyValue("--ink");
  context.lineWidth = 1.5;
  context.beginPath();
  context.moveTo(from[0], from[1]);
  context.lineTo(to[0], to[1]);
  context.stroke();
  context.beginPath();
  context.moveTo(to[0], to[1]);
  for (const side of [2.7, -2.7]) context.lineTo(to[0] + 9 * Math.cos(angle + side), to[1] + 9 * Math.sin(angle + side));
  context.fill();
}

const displays = document.querySelector(".displays");
const canvases = data.names.map((name, index) => {
  const figure = document.createElement("figure");
  figure.innerHTML = "<figcaption><span></span><span></span></figcaption><canvas></canvas>";
  figure.querySelector("span").textContent = name;
  const canvas = figure.querySelector("canvas");
  canvas.setAttribute("aria-label", `shower of ${name}; drag to turn`);
  displays.append(figure);
  listen(canvas);
  return { canvas, caption: figure.querySelectorAll("span")[1], index };
});

let waiting = false;
function redraw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    for (const { canvas, caption, index } of canvases) {
      const shower = data.events[view.event].showers[index];
      caption.textContent = `${(shower.incident / 1000).toPrecision(4)} GeV in, ${(shower.total / 1000).toPrecision(4)} GeV in cells`;
      drawShower(canvas, index);
    }
  });
}

function listen(canvas) {
  const fingers = new Map();
  let spread = 0;
  const gap = () => { const [a, b] = [...fingers.values()]; return Math.hypot(a.x - b.x, a.y - b.y); };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (fingers.size === 2) spread = gap();
  });
  canvas.addEventListener("pointermove", (event) => {
    const last = fingers.get(event.pointerId);
    if (!last) return;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (fingers.size === 2) {
      setZoom((view.zoom * gap()) / spread);
      spread = gap();
    } else {
      view.turn += (event.clientX - last.x) * 0.008;
      view.tilt = Math.max(-1.5, Math.min(1.5, view.tilt + (event.clientY - last.y) * 0.008));
    }
    redraw();
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => fingers.delete(event.pointerId));
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.shiftKey) return; // a plain scroll moves the page
    event.preventDefault();
    setZoom(view.zoom * Math.exp(-event.deltaY * 0.002));
    redraw();
  }, { passive: false });
}

function setZoom(zoom) { view.zoom = Math.max(0.5, Math.min(6, zoom)); }

const events = document.querySelector(".events");
data.events.forEach((event, index) => {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = `${(event.energy / 1000).toPrecision(3)} GeV`;
  button.addEventListener("click", () => { view.event = index; press(); redraw(); });
  events.append(button);
});
function press() { [...events.children].forEach((button, i) => button.setAttribute("aria-pressed", i === view.event)); }
press();
redraw();
addEventListener("resize", redraw);
addEventListener("themechange", redraw);
