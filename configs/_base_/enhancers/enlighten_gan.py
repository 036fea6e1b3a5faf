# Too large for this repository: MMSDAG_ENLIGHTEN_GAN names a checkpoint that
# was trained here or converted from the authors' (configs/enlighten_gan).
enhancer = dict(
    enhancer=dict(type='mmsdag.EnlightenGANNet'),
    enhancer_checkpoint='{{$MMSDAG_ENLIGHTEN_GAN:enlighten_gan.pth}}')

detection = dict(type='mmsdag.EnhancedDetDataPreprocessor', **enhancer)
segmentation = dict(type='mmsdag.EnhancedSegDataPreprocessor', **enhancer)
classification = dict(type='mmsdag.EnhancedClsDataPreprocessor', **enhancer)
