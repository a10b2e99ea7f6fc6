// Reading without a mouse or without seeing: names for what the theme leaves unnamed; a box is a stop of the tab key only
// while it scrolls; paper shows tables that the screen folds; commands break between words; wide tables go on beside the
// text; menus open. Nothing is fetched.
document.addEventListener("DOMContentLoaded", () => {
  // The theme listens to the first button of each menu, which is in the header that fairlib.css hides.
  for (const menu of ["primary", "secondary"]) {
    const [heard, ...seen] = document.querySelectorAll(`.${menu}-toggle`);
    for (const button of seen) button.addEventListener("click", () => heard.click());
  }

  for (const summary of document.querySelectorAll(".bd-sidenav summary")) {
    summary.setAttribute("aria-label", `Pages under ${summary.closest("li").querySelector("a").textContent.trim()}`);
    summary.querySelector("[role=presentation]")?.removeAttribute("role");
  }
  document.querySelector("#pst-primary-sidebar")?.setAttribute("role", "complementary");
  document.querySelector("#pst-primary-sidebar")?.setAttribute("aria-label", "Book");
  for (const entry of document.querySelectorAll("[role=doc-biblioentry]")) entry.removeAttribute("role");
  for (const head of document.querySelectorAll("thead th:not([scope])")) head.scope = "col";
  for (const list of document.querySelectorAll(".citation-list")) list.removeAttribute("role");

  // Only at spaces: a browser would part "-" and "p", and the highlighter cuts words into several elements.
  for (const command of document.querySelectorAll(":is(.highlight-bash, .highlight-console) pre")) {
    const line = [];
    let word = null;
    for (const node of [...command.childNodes]) {
      const text = node.nodeType === Node.TEXT_NODE;
      for (const part of text ? node.data.split(/(\s+)/).filter(Boolean).map((part) => new Text(part)) : [node]) {
        if (part.textContent.trim()) {
          if (!word) line.push(word = Object.assign(document.createElement("span"), { className: "fairlib-word" }));
          // A name that is longer than a line goes on after a stroke.
          const names = text ? part.data.split(/(?<=[/_])(?=\w)/) : [part];
          word.append(...names.flatMap((name, i) => (i ? [document.createElement("wbr"), name] : [name])));
        } else {
          line.push(part);
          if (part.textContent) word = null;
        }
      }
    }
    command.replaceChildren(...line);
  }

  const scrolls = (box) => box.scrollWidth > box.clientWidth + 1;
  const watch = new ResizeObserver((changed) => {
    for (const { target } of changed) {
      if (scrolls(target)) target.setAttribute("tabindex", "0");
      else target.removeAttribute("tabindex");
    }
  });
  for (const box of document.querySelectorAll(".fairlib-scroll, .pst-scrollable-table-container, div.math, .bd-content pre")) watch.observe(box);

  // As the theme does for notes in the margin: the contents of the page fold up while something lies beside the text.
  const beside = new Set();
  const make_way = new IntersectionObserver((seen) => {
    for (const { target, isIntersecting } of seen) {
      if (isIntersecting && target.offsetWidth > target.parentElement.clientWidth + 1) beside.add(target);
      else beside.delete(target);
    }
    document.querySelector(".bd-sidebar-secondary")?.classList.toggle("hide", beside.size > 0);
  });

  // A table that does not fit goes on beside the text (fairlib.css, on wide screens). All are measured at once.
  const place = (part) => {
    const boxes = [...part.querySelectorAll(".fairlib-table-box")];
    for (const box of boxes) box.classList.remove("fairlib-beside");
    for (const box of boxes.filter(scrolls)) box.classList.add("fairlib-beside");
    for (const box of boxes) make_way.observe(box);
  };
  place(document);
  for (const event of ["load", "resize"]) addEventListener(event, () => place(document));
  document.addEventListener("toggle", ({ target }) => place(target), true);

  addEventListener("beforeprint", () => {
    for (const fold of document.querySelectorAll(".fairlib-browse > details")) fold.open = true;
  });
});
