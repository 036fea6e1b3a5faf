# Data preprocessors with the enhancer that MMSDAG_ENHANCER names: a name that
# `mmsdag models` lists, or a config. `none` keeps the recognizer's own.
# A file enhancers/NAME.py, the older way to name one, is a link to this file.
_file = '{{fileBasenameNoExtension}}'
_name = '{{$MMSDAG_ENHANCER:none}}' if _file == 'enhancer' else _file
if _name == 'gamma':
    # Here it was gamma 2.2; everywhere else it is the trained model.
    raise ValueError(
        'MMSDAG_ENHANCER=gamma is ambiguous: set MMSDAG_ENHANCER=fixed_gamma '
        'for gamma 2.2, or MMSDAG_ENHANCER=learned_gamma for the trained '
        'model'
    )
enhancer = dict(enhancer=_name)
if _name == 'enlighten_gan':
    # Too large for this repository: a checkpoint that was trained here, or
    # converted from the authors' (configs/enlighten_gan).
    enhancer.update(checkpoint='{{$MMSDAG_ENLIGHTEN_GAN:enlighten_gan.pth}}')

detection = dict(type='mmsdag.EnhancedDetDataPreprocessor', **enhancer)
segmentation = dict(type='mmsdag.EnhancedSegDataPreprocessor', **enhancer)
classification = dict(type='mmsdag.EnhancedClsDataPreprocessor', **enhancer)
if _name == 'none':
    detection = segmentation = classification = dict()
del _file, _name  # no keys of the config
