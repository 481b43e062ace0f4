"use strict";

// theme: the reader's choice, else the system's
const root = document.documentElement;
const dark = matchMedia("(prefers-color-scheme: dark)");
function setTheme(name) {
  root.dataset.theme = name;
  dispatchEvent(new Event("themechange"));
}
setTheme(dark.matches ? "dark" : "light");
dark.addEventListener("change", () => setTheme(dark.matches ? "dark" : "light"));
document.getElementById("theme").addEventListener("click", () => setTheme(root.dataset.theme === "dark" ? "light" : "dark"));

// tables: a click on a heading sorts by it, a second one reverses; the floor stays first
function cellValue(row, column) {
  const cell = row.cells[column];
  const text = cell.dataset.value ?? cell.textContent.trim();
  const number = Number(text);
  return text === "" ? Infinity : Number.isNaN(number) ? text : number;
}
function compareValues(a, b) {
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
}
function sortTable(table, heading) {
  const column = heading.cellIndex;
  const descending = heading.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const body = table.tBodies[0];
  const rows = [...body.rows].filter((row) => !row.classList.contains("floor"));
  rows.sort((a, b) => (descending ? -1 : 1) * compareValues(cellValue(a, column), cellValue(b, column)));
  rows.forEach((row) => body.append(row));
}
for (const table of document.querySelectorAll("main table")) { // narrow screens show the heading with each value
  const titles = [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim());
  for (const row of table.tBodies[0].rows) [...row.cells].forEach((cell, i) => { cell.dataset.label = titles[i]; });
}
for (const table of document.querySelectorAll("table.sortable")) {
  for (const heading of table.tHead.rows[0].cells) {
    heading.tabIndex = 0;
    heading.addEventListener("click", () => sortTable(table, heading));
    heading.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); sortTable(table, heading); }
    });
  }
}
