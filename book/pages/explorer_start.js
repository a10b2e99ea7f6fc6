// Puts the numbers of a page, and the options of its menus, into its chart; Vega does the rest (explorer_chart.py).
// What is picked stays in the address of the page, and is said in words for those who do not see the chart move.
for (const box of document.querySelectorAll(".fairlib-chart")) {
  const numbers = JSON.parse(box.querySelector("script").textContent);
  const spec = charts[numbers.chart], asked = new URLSearchParams(location.hash.slice(1));
  const bound = spec.signals.filter((signal) => signal.bind);
  for (const signal of bound) {
    const options = numbers.choices[signal.name], { min, max } = signal.bind, wanted = asked.get(signal.name);
    if (options) Object.assign(signal, { value: options[0], bind: { ...signal.bind, options } });
    if (options ? options.includes(wanted) : wanted >= min && wanted <= max) signal.value = options ? wanted : Number(wanted);
  }
  spec.signals.find((signal) => signal.name === "groups").value = numbers.groups;
  spec.data.find((set) => set.name === "numbers").values = numbers.blocks;
  const [controls, said, drawn] = [".fairlib-controls", ".fairlib-said", ".fairlib-drawn"].map((part) => box.querySelector(part));
  vegaEmbed(drawn, spec, { mode: "vega", renderer: "svg", actions: false, bind: controls }).then(({ view }) => {
    const tell = () => {
      said.textContent = [...drawn.querySelectorAll("[class*='said'] text")].map((text) => text.textContent).join(" ");
      box.dataset.ready = "yes";
    };
    for (const { name } of bound)
      view.addSignalListener(name, (_, value) => {
        asked.set(name, value);
        history.replaceState(null, "", `#${asked}`);
        view.runAsync().then(tell);
      });
    new ResizeObserver(() => view.signal("room", drawn.clientWidth).runAsync().then(tell)).observe(drawn);
  });
}
