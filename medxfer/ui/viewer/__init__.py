"""One component that shows a picture and its heatmap; everything on it happens in the browser."""
