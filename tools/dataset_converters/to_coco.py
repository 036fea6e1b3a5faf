"""Convert ExDark, DARK FACE or exposure brackets to COCO JSON."""

from mmsdag.cli.to_coco import main

if __name__ == '__main__':
    main()
