// Tables inside .fairlib-browse: one box filters the rows of all of them, a click on a header sorts one. Nothing is fetched.
document.addEventListener("DOMContentLoaded", () => {
  for (const browse of document.querySelectorAll(".fairlib-browse")) {
    const tables = [...browse.querySelectorAll("table")];
    const label = document.createElement("label");
    const said = document.createElement("span");
    const box = Object.assign(document.createElement("input"), { type: "search", placeholder: "e.g. frozen 0.7" });
    said.setAttribute("role", "status");
    label.append("Show rows with all of these words: ", box, " ", said);
    browse.prepend(label);
    box.addEventListener("input", () => {
      const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const table of tables) {
        const fold = table.closest("details");
        const before = fold.querySelector("summary").textContent.toLowerCase();
        let own = 0;
        for (const row of table.tBodies[0].rows) {
          const text = before + " " + row.textContent.toLowerCase();
          row.hidden = !words.every((word) => text.includes(word));
          own += !row.hidden;
        }
        if (words.length) fold.open = own > 0;
        shown += own;
      }
      said.textContent = `${shown} rows`;
    });
    for (const table of tables) {
      [...table.tHead.rows[0].cells].forEach((cell, column) => {
        const button = document.createElement("button");
        button.type = "button";
        button.append(...cell.childNodes);
        cell.append(button);
        button.addEventListener("click", () => {
          const up = cell.getAttribute("aria-sort") !== "ascending";
          for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
          cell.setAttribute("aria-sort", up ? "ascending" : "descending");
          const key = (row) => row.cells[column].textContent;
          const order = (a, b) => key(a).localeCompare(key(b), "en", { numeric: true });
          const number = (row) => parseFloat(key(row).replace(/,/g, "").replace("−", "-"));
          const compare = (a, b) => (isNaN(number(a)) || isNaN(number(b)) ? order(a, b) : number(a) - number(b));
          table.tBodies[0].append(...[...table.tBodies[0].rows].sort((a, b) => (up ? compare(a, b) : compare(b, a))));
        });
      });
    }
  }
});
