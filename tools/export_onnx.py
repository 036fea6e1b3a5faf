"""Export an enhancer to ONNX, and check it in onnxruntime."""

from mmsdag.cli.export import main

if __name__ == '__main__':
    main()
