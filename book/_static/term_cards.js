// A card with the meaning of a word of the glossary, for pointer, keyboard and touch. Without this file it is the link's title.
document.addEventListener("DOMContentLoaded", () => {
  for (const link of document.querySelectorAll("a.fairlib-term[title]")) {
    link.dataset.tippyContent = link.title;
    link.removeAttribute("title");
  }
  tippy("a.fairlib-term", {
    interactive: true, // the pointer may move onto the card
    appendTo: document.body,
    aria: { content: "describedby", expanded: false },
    delay: [150, 0],
    duration: 0,
    maxWidth: 340,
  });
  document.addEventListener("keydown", (event) => event.key === "Escape" && tippy.hideAll());
});
