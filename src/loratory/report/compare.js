// A click on a column's name sorts by it; another one turns the order around.
const table = document.getElementById("entries");
const body = table.tBodies[0];
table.querySelectorAll("th").forEach((head, column) => {
  const button = document.createElement("button");
  button.append(...head.childNodes);
  head.append(button);
  button.addEventListener("click", () => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    table.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const key = (row) => row.cells[column].dataset.order;
    const compared = (a, b) =>
      a === "" || b === "" || isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b;
    const rows = [...body.rows].sort((a, b) => compared(key(a), key(b)) * (up ? 1 : -1));
    body.append(...rows);
  });
});

// The slider shows one of the drawings, each smoothed more than the one before.
const figure = document.getElementById("smoothed");
if (figure) {
  const levels = figure.querySelector("output").dataset.levels.split(",");
  figure.querySelector("figcaption").hidden = false;
  figure.querySelector("input").addEventListener("input", (event) => {
    const level = Number(event.target.value);
    figure.querySelectorAll("img").forEach((image, at) => { image.hidden = at !== level; });
    figure.querySelector("output").textContent = `${levels[level]}\u202f%`;
  });
}
