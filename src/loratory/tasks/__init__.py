"""Tasks say what a row means: encode it, the loss, the prediction, the score."""
