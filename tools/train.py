"""Train a model from a config."""
from mmsdag.cli.train import main

if __name__ == '__main__':
    main()
