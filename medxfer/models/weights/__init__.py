"""Where a network's first weights come from: ImageNet, a file, another run, or nowhere."""
